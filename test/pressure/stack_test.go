// SPDX-License-Identifier: Apache-2.0

// Package pressure measures what a whole tcpledger takes in memory, on disk and in time while a part of it is away, at bursts and with a
// backlog.
package pressure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	engine "tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
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

// host is the agent's name, fleet begins those of the hosts that a test makes up.
const host, fleet = "pressure", "fleet-"

// stack is a whole tcpledger with the settings that agent and ingester have by default.
type stack struct {
	t        testing.TB
	kafka    *apachekafka.Broker
	server   *engine.Server
	db       driver.Conn
	agent    *program
	ingester *program
	spool    string
}

// program is one that runs, and what it said.
type program struct {
	t       testing.TB
	command child.Command
	process *child.Process
	said    string // a file
}

func newStack(t testing.TB) *stack {
	t.Helper()
	s := &stack{t: t, kafka: apachekafka.Start(t), spool: t.TempDir()}
	s.server = clickhousetest.StartAt(t, clickhousetest.Options(t))
	out, err := exec.CommandContext(t.Context(), programs.Path(t, "tcpledger"), "topics", "--apply", "--partitions", "6", "--brokers", s.kafka.Addr()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s.ingester = run(t, "ingester", "--brokers", s.kafka.Addr(), "--clickhouse", s.server.Addr(), "--listen", "")
	s.agent = run(t, "agent", "--brokers", s.kafka.Addr(), "--listen", "", "--symbols-delay", "0s", "--pins", "none", "--host-id", host, "--spool", s.spool)
	s.db, err = clickhouse.Open(&clickhouse.Options{Addr: []string{s.server.Addr()}, Settings: clickhouse.Settings{"final": 1}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	return s
}

func run(t testing.TB, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, said: filepath.Join(t.TempDir(), "said"), command: child.Command{Name: name, Path: programs.Path(t, name), Args: args, StopSignal: syscall.SIGTERM}}
	file, err := os.Create(p.said)
	require.NoError(t, err)
	p.command.Output = file
	p.start()
	t.Cleanup(func() {
		p.stop()
		require.NoError(t, file.Close())
	})
	return p
}

func (p *program) start() {
	p.t.Helper()
	var err error
	p.process, err = child.Start(p.command)
	require.NoError(p.t, err)
}

func (p *program) stop() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait.Long) // not the test's, which is over in a cleanup
	defer cancel()
	require.NoError(p.t, p.process.Stop(ctx))
}

// bound is the memory that the program stated at its start.
func (p *program) bound() uint64 {
	p.t.Helper()
	var found []string
	require.Eventually(p.t, func() bool {
		text, err := os.ReadFile(p.said)
		require.NoError(p.t, err)
		found = stated.FindStringSubmatch(string(text))
		return found != nil
	}, wait.Long, 50*time.Millisecond, "no bound")
	number, err := strconv.ParseFloat(found[1], 64)
	require.NoError(p.t, err)
	return uint64(number * map[string]float64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[found[2]])
}

var stated = regexp.MustCompile(`bound="?([0-9.]+) ?([KMG]iB)`)

// forget makes peak begin anew.
func (p *program) forget() {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.process.PID()), []byte("5"), 0))
}

// peak is the most memory that the process had since forget.
func (p *program) peak() uint64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.PID()))
	require.NoError(p.t, err)
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseUint(strings.Fields(after)[0], 10, 64)
	require.NoError(p.t, err)
	return kib << 10
}

// stored asks for one number.
func (s *stack) stored(query string, args ...any) uint64 {
	s.t.Helper()
	var n uint64
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), query, args...).Scan(&n), query)
	return n
}

// awaitRow waits for a row of the agent that ended after that time.
func (s *stack) awaitRow(after time.Time) {
	s.t.Helper()
	s.until("a row of the agent", func() bool {
		return s.stored("SELECT count() FROM tcpledger.connections WHERE host = ? AND closed_at > fromUnixTimestamp64Micro(?)", host, after.UnixMicro()) > 0
	})
}

// awaitEmpty waits until nothing of the agent is on its disk.
func (s *stack) awaitEmpty() {
	s.t.Helper()
	s.until("an empty spool", func() bool { return s.onDisk() == 0 })
}

func (s *stack) until(what string, met func() bool) {
	s.t.Helper()
	require.Eventually(s.t, met, 3*wait.Long, 50*time.Millisecond, what)
}

// onDisk is what waits on the agent's disk.
func (s *stack) onDisk() (bytes uint64) {
	s.t.Helper()
	segments, err := filepath.Glob(filepath.Join(s.spool, "*", "*.v1"))
	require.NoError(s.t, err)
	for _, path := range segments {
		if info, err := os.Stat(path); err == nil { // else it was sent meanwhile
			bytes += uint64(info.Size())
		}
	}
	return bytes
}
