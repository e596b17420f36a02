// SPDX-License-Identifier: Apache-2.0

// Package chaos kills, freezes, cuts off, fills and damages the parts of a whole tcpledger at random, and asks the audit afterwards.
package chaos

import (
	"context"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/port"
	"tcpledger/test/apachekafka"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	clickhousetest.Main(m) // which lets the test binary be the engine's child process
	programs.Remove()
}

// stack is a whole tcpledger, each part on a host of its own: three brokers, ClickHouse, two ingesters, two agents.
type stack struct {
	t       testing.TB
	net     *lab.Switch
	brokers string // of all nodes, for --brokers
	parts   []*part
	agents  []*part
	replay  *replay
	server  string // ClickHouse's address for the other hosts
	local   string // and in this network
	began   time.Time
	db      driver.Conn
}

// Hosts of the agents: one watches what really happens, the other reads a recording besides.
const (
	realHost     = "real"
	replayedHost = "replayed"
)

// newStack starts everything and waits until rows of both agents come.
func newStack(t testing.TB, rate int) *stack {
	t.Helper()
	s := &stack{t: t, net: lab.NewSwitch(t)}
	recorded := record(t)
	s.startBrokers()
	s.startClickHouse()
	for _, name := range []string{"ingester 1", "ingester 2"} {
		s.add(name, func(p *part) *child.Process {
			return p.run("ingester", "--brokers", s.brokers, "--clickhouse", s.server, "--listen", "")
		})
	}
	for _, name := range []string{realHost, replayedHost} {
		s.startAgent(name)
	}
	s.replay = startReplay(t, s.agents[1].pins, recorded, rate)
	s.began = time.Now()
	s.awaitRows(s.began)
	return s
}

// add makes a part on a host of its own and starts it.
func (s *stack) add(name string, launch func(*part) *child.Process) *part {
	s.t.Helper()
	return s.addAt(name, s.net.Host(s.t, strings.ReplaceAll(name, " ", "")), launch)
}

func (s *stack) addAt(name string, host *lab.Host, launch func(*part) *child.Process) *part {
	s.t.Helper()
	p := &part{t: s.t, name: name, host: host, launch: launch}
	s.t.Cleanup(p.end)
	p.start()
	s.parts = append(s.parts, p)
	return p
}

func (s *stack) startBrokers() {
	s.t.Helper()
	var hosts []*lab.Host
	hosts, s.brokers = s.startNodes()
	path, args := hosts[0].Within(programs.Path(s.t, "tcpledger"), "topics", "--apply", "--brokers", s.brokers)
	var said []byte
	var err error
	require.Eventually(s.t, func() bool {
		said, err = exec.Command(path, args...).CombinedOutput()
		return err == nil
	}, wait.Long, 250*time.Millisecond, "the topics are not made: %v %s", &err, &said)
}

// startNodes starts three brokers, the stack's first parts.
func (s *stack) startNodes() (hosts []*lab.Host, brokers string) {
	s.t.Helper()
	var dirs, addrs []string
	for _, name := range []string{"broker1", "broker2", "broker3"} {
		hosts, dirs = append(hosts, s.net.Host(s.t, name)), append(dirs, lab.Disk(s.t, "3g"))
	}
	nodes := apachekafka.NewCluster(s.t, hosts, dirs)
	for i, n := range nodes {
		p := s.addAt("broker "+hosts[i].Name[len("broker"):], hosts[i], func(*part) *child.Process { return n.Start() })
		p.disk, p.dies = dirs[i], true
		addrs = append(addrs, n.Addr())
	}
	return hosts, strings.Join(addrs, ",")
}

// startClickHouse starts the engine, which answers on this network's loopback only, and a host that passes connections to it.
func (s *stack) startClickHouse() {
	s.t.Helper()
	options := clickhousetest.Options(s.t)
	options.DataDir = lab.Disk(s.t, "3g")
	p := s.add("clickhouse", func(*part) *child.Process { return clickhousetest.StartAt(s.t, options).Process })
	p.disk = options.DataDir
	s.local = port.Join(options.TCPPort)
	s.server = relayed(s.t, p.host, s.local)
	var err error
	s.db, err = clickhouse.Open(&clickhouse.Options{Addr: []string{s.local}, DialTimeout: 2 * time.Second, ReadTimeout: 10 * time.Second})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, s.db.Close()) })
}

// relayed is the address on a host at which an address of this network answers.
func relayed(t testing.TB, h *lab.Host, to string) string {
	t.Helper()
	const relayPort = 9000
	at := netip.AddrPortFrom(h.IPv4, relayPort).String()
	h.Relay(t, at, to)
	return at
}

func (s *stack) startAgent(name string) {
	s.t.Helper()
	state, pins := lab.Disk(s.t, "256m"), lab.Pins(s.t)
	p := s.add("agent "+name, func(p *part) *child.Process {
		return p.run("agent", "--brokers", s.brokers, "--listen", "", "--symbols-delay", "0s", "--host-id", name, "--pins", pins,
			"--journal", state, "--spool", filepath.Join(state, "spool"), "--spool-bytes", "192MiB")
	})
	p.disk, p.pins, p.spool = state, pins, filepath.Join(state, "spool")
	s.agents = append(s.agents, p)
}

// awaitRows waits until each agent has a row of what happened after that time, and returns how long that took.
func (s *stack) awaitRows(since time.Time) time.Duration {
	s.t.Helper()
	const query = "SELECT uniqExact(host) FROM tcpledger.connections WHERE closed_at > fromUnixTimestamp64Micro(?)"
	began := time.Now()
	for {
		s.requireAlive()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var hosts uint64
		err := s.db.QueryRow(ctx, query, since.UnixMicro()).Scan(&hosts)
		cancel()
		if err == nil && hosts >= uint64(len(s.agents)) {
			return time.Since(began)
		}
		if time.Since(began) > 2*wait.Long {
			s.say()
			s.t.Fatalf("no rows of both agents since %s: %d hosts, %v", since, hosts, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// requireAlive fails the test if a part ended that nobody ended.
func (s *stack) requireAlive() {
	s.t.Helper()
	for _, p := range s.parts {
		p.requireAlive()
	}
}

// say shows what each part said last.
func (s *stack) say() {
	for _, p := range s.parts {
		s.t.Logf("%s said last:\n%s", p.name, p.process.Tail())
	}
}

// endAgents ends both sessions, once all that waits on their disks is sent.
func (s *stack) endAgents() {
	s.t.Helper()
	for _, a := range s.agents {
		require.Eventually(s.t, func() bool { return len(segments(s.t, a.spool)) == 0 }, wait.Long, 100*time.Millisecond, "%s keeps %v", a.name, segments(s.t, a.spool))
		a.interrupt()
	}
}
