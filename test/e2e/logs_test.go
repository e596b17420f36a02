// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/query/logs"
)

// score counts lines by what became of them.
type score struct{ lines, right, wrong, undecided, missed int }

func (s *score) add(m *logs.Match, right bool) {
	s.lines++
	switch {
	case m.Candidates == 0:
		s.missed++
	case m.Candidates > 1:
		s.undecided++
	case right:
		s.right++
	default:
		s.wrong++
	}
}

func (s *score) String() string {
	return fmt.Sprintf("%d lines: %d right, %d wrong, %d undecided, %d without an ending", s.lines, s.right, s.wrong, s.undecided, s.missed)
}

// TestBusinessLogs joins real logs with real endings under a storm of resets: what the Collector stores of OpenTelemetry's Go SDK and of
// nginx's access log, against what the programs know of their connections. A line that names its connection's client end is never
// joined with another, and always with that one.
func TestBusinessLogs(t *testing.T) {
	const orders, quiet = 300, 6
	const near = 3 * time.Second // a machine with other load is late
	if testing.Short() {
		t.Skip("the Collector takes minutes to build")
	}
	if _, err := exec.LookPath("nginx"); err != nil && os.Getenv("TCPLEDGER_REQUIRE_REAL") == "" {
		t.Skip("nginx is not installed")
	}
	c := newChain(t, kafkatest.Start(t))
	c.startAgent(roomy...)
	b := startBusiness(t, c)
	begun := time.Now()
	// The calm ones name no end: their place alone finds their connections, if only one of the place ends at a time.
	calm := []string{"-says", "nothing", "-workers", "1", "-pause", (2*near + time.Second).String()}
	contained := &shop{name: "contained", container: strings.Repeat("c0", 32), n: quiet, args: calm}
	process := &shop{name: "process", n: quiet, args: calm}
	storm, proxied := &shop{name: "storm", n: orders}, &shop{name: "proxied", n: orders}
	b.open(t, b.backend, contained)
	b.open(t, b.backend, process)
	b.open(t, b.backend, storm)
	b.open(t, b.nginx, proxied)
	truths := map[string]truth{}
	for _, s := range []*shop{storm, proxied, contained, process} {
		s.truths(t, truths)
	}
	c.stored(b, orders, 2*quiet)
	w := query.Window{From: begun.Add(-time.Second), To: time.Now().Add(time.Second)}

	client := query.New(c.db, "tcpledger", time.Minute)
	source, err := logs.Open(t.Context(), client, logs.Tables{Logs: "otel.otel_logs", Traces: "otel.otel_traces"})
	require.NoError(t, err)
	require.Empty(t, source.Absent, "the exporter's tables are known")
	reach := logs.DefaultReach
	reach.Near = near
	matches, err := source.Behind(t.Context(), w, logs.Filter{}, reach, 10_000)
	require.NoError(t, err)

	scores := map[string]*score{}
	for i := range matches {
		m := &matches[i]
		known, ok := truths[orderOf(m.Body)]
		if !ok {
			continue
		}
		name := m.Service + " " + m.What + " " + m.Relation
		if m.Service == storm.name || m.Service == proxied.name {
			name = m.What + ", says " + known.Says
		}
		if scores[name] == nil {
			scores[name] = &score{}
		}
		scores[name].add(m, m.Client().String() == known.Local)
	}
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		t.Logf("%s: %s", name, scores[name])
	}
	for _, what := range []string{"log", "span"} {
		require.Equal(t, score{lines: 200, right: 200}, *scores[what+", says network"])
		require.Equal(t, score{lines: 200, right: 200}, *scores[what+", says client"])
		require.Equal(t, 200, scores[what+", says nothing"].lines)
		require.Zero(t, scores[what+", says nothing"].wrong)
		require.Equal(t, score{lines: quiet, right: quiet}, *scores["contained "+what+" own"])
		require.Equal(t, score{lines: quiet, right: quiet}, *scores["process "+what+" own"])
	}
	require.Equal(t, score{lines: orders, right: orders}, *scores["nginx log own"])
	require.Equal(t, orders, scores["nginx log upstream"].lines)
	require.Zero(t, scores["nginx log upstream"].wrong)
	requireHow(t, matches, contained.name, logs.ByContainer)
	requireHow(t, matches, process.name, logs.ByPID)

	out := run(t, "tcpledger", "explain", failed(t, matches), "--clickhouse", c.clickhouse, "--otel-logs", "otel.otel_logs", "--otel-traces", "otel.otel_traces")
	t.Log(out)
	require.Contains(t, out, "received a reset (peer_reset, ECONNRESET")
	require.Contains(t, out, "aborted it: SO_LINGER was on with time 0 (linger_abort, reset sent")
	require.Contains(t, out, "The server on e2e moved first.")
}

// requireHow wants all lines and spans of a service to be matched so.
func requireHow(t *testing.T, matches []logs.Match, service, how string) {
	t.Helper()
	for i := range matches {
		if m := &matches[i]; m.Service == service {
			require.Equal(t, how, m.How, "%+v", m)
		}
	}
}

// stored waits until the lines, the spans and the endings of all orders are in the tables: a line and a span of each order from the shops,
// and one more line from nginx of those that went through it; the shops' connections and nginx's, seen from both ends.
func (c *chain) stored(b *business, orders, quiet int) {
	c.t.Helper()
	c.eventually(uint64(3*orders+quiet), "SELECT count() FROM otel.otel_logs")
	c.eventually(uint64(2*orders+quiet), "SELECT count() FROM otel.otel_traces")
	// Other tests have listeners of the same port in their namespaces. The process's first thread may be in one of a lab for good.
	info, err := os.Stat("/proc/thread-self/ns/net")
	require.NoError(c.t, err)
	here := info.Sys().(*syscall.Stat_t).Ino
	for _, addr := range []string{b.backend, b.nginx} {
		_, port, _ := strings.Cut(addr, ":")
		for _, role := range []string{"client", "server"} {
			want := map[bool]uint64{true: uint64(2*orders+quiet) + 1, false: uint64(orders) + 1}[addr == b.backend] // and the one that saw whether it answers
			c.eventually(want, "SELECT count() FROM tcpledger.connections WHERE toString(service_port) = ? AND role = ? AND netns = ? AND cause != 'refused'", port, role, here)
		}
	}
}

// failed is an order of the backend that a reset ended, whose line names its end.
func failed(t *testing.T, matches []logs.Match) string {
	t.Helper()
	i := slices.IndexFunc(matches, func(m logs.Match) bool {
		return strings.Contains(m.Body, "connection reset by peer") && m.How == logs.ByEnds && m.Decided()
	})
	require.GreaterOrEqual(t, i, 0, "no order failed")
	return orderOf(matches[i].Body)
}
