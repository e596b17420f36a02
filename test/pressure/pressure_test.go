// SPDX-License-Identifier: Apache-2.0

package pressure

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/test/programs"
	"tcpledger/test/setting"
)

// pressure is something that goes wrong, or is too much, for as long as it is told.
type pressure struct {
	name string
	do   func(length time.Duration)
}

// TestPressure puts a whole tcpledger under each pressure in turn, and lets it recover. Agent and ingester stay within the memory that
// they state; the audit finds every number of the agent, once or in a loss.
func TestPressure(t *testing.T) {
	if os.Getenv("TCPLEDGER_TEST_QUICK") != "" {
		t.Skip("the quick run has no Apache Kafka")
	}
	length := time.Duration(setting.Number(t, "TCPLEDGER_TEST_PRESSURE_SECONDS", 2)) * time.Second
	backlog := setting.Number(t, "TCPLEDGER_TEST_PRESSURE_BACKLOG", 300)
	s := newStack(t)
	agentBound, ingesterBound := s.agent.bound(), s.ingester.bound()
	load, fleet := s.storm(), s.sender()
	began := time.Now()
	s.awaitRow(began)

	var b strings.Builder
	fmt.Fprintf(&b, "| for %s each | rows stored | agent, most | ingester, most | on the agent's disk, most | a new row after | all stored after | live rows meanwhile, median | slowest |\n|---|---|---|---|---|---|---|---|---|\n", length)
	for _, p := range []pressure{
		{"Kafka is frozen, at full speed", func(d time.Duration) { s.frozen(load, s.kafka.PID(), d) }},
		{"Kafka is killed, at full speed", func(d time.Duration) {
			load.full()
			s.kafka.Kill9()
			time.Sleep(d)
			s.kafka.Restart()
			load.calm()
		}},
		{"ClickHouse is frozen, at full speed", func(d time.Duration) { s.frozen(load, s.server.PID(), d) }},
		{"20,000 rows a second of 10,000 hosts", fleet.pour},
		{"the same, and ClickHouse is frozen", func(d time.Duration) {
			s.signal(s.server.PID(), syscall.SIGSTOP)
			fleet.pour(d)
			s.signal(s.server.PID(), syscall.SIGCONT)
		}},
		{fmt.Sprintf("a backlog of %s messages of 10,000 hosts", text.Count(uint64(backlog))), func(time.Duration) {
			s.ingester.stop()
			for n := 0; n < backlog; n += fleetRate {
				fleet.send(min(fleetRate, backlog-n))
			}
			s.ingester.start()
		}},
		{"bursts: a second at full speed, two calm", func(d time.Duration) { s.bursts(load, d) }},
		{"nothing is wrong", func(d time.Duration) { time.Sleep(d) }},
	} {
		row := s.under(p, fleet, length)
		t.Log(row.text)
		b.WriteString(row.text + "\n")
		require.Less(t, row.agent, agentBound, p.name)
		require.Less(t, row.ingester, ingesterBound, p.name)
	}
	load.stop()
	t.Logf("\n%s\nstated bounds: agent %s with the kernel's maps, ingester %s. %s", &b, text.Bytes(agentBound), text.Bytes(ingesterBound), s.audited(began))
}

// outcome is what came of a pressure.
type outcome struct {
	text            string
	agent, ingester uint64 // bytes at most
}

// under applies a pressure and waits until all of it is in the tables.
func (s *stack) under(p pressure, fleet *sender, length time.Duration) outcome {
	s.t.Helper()
	const count = "SELECT count() FROM tcpledger.connections"
	before := s.stored(count)
	s.agent.forget()
	s.ingester.forget()
	disk := s.watchDisk()
	p.do(length)
	over := time.Now()
	s.awaitRow(over)
	first := time.Since(over)
	fleet.awaitAll()
	s.awaitEmpty()
	all := time.Since(over)
	o := outcome{agent: s.agent.peak(), ingester: s.ingester.peak()}
	var median, slowest float64
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), `SELECT ifNotFinite(quantile(0.5)(d), 0), ifNotFinite(max(d), 0) FROM
(SELECT dateDiff('ms', closed_at, received_at) / 1000 AS d FROM tcpledger.connections WHERE host = ? AND closed_at > fromUnixTimestamp64Micro(?) AND closed_at < fromUnixTimestamp64Micro(?))`,
		host, over.UnixMicro(), over.Add(all).UnixMicro()).Scan(&median, &slowest))
	o.text = fmt.Sprintf("| %s | %s | %s | %s | %s | %.1f s | %.1f s | %.1f s | %.1f s |", p.name, text.Count(s.stored(count)-before), text.Bytes(o.agent),
		text.Bytes(o.ingester), text.Bytes(disk()), first.Seconds(), all.Seconds(), median, slowest)
	return o
}

// watchDisk gives the most that was on the agent's disk from now until the returned function is called.
func (s *stack) watchDisk() func() uint64 {
	end, ended := make(chan struct{}), make(chan uint64)
	go func() {
		for most := uint64(0); ; {
			select {
			case <-end:
				ended <- most
				return
			case <-time.After(200 * time.Millisecond):
				most = max(most, s.onDisk())
			}
		}
	}()
	return func() uint64 { close(end); return <-ended }
}

func (s *stack) bursts(load *storm, length time.Duration) {
	for began := time.Now(); time.Since(began) < length; {
		load.full()
		time.Sleep(time.Second)
		load.calm()
		time.Sleep(2 * time.Second)
	}
}

// frozen stops a part where it is while the machine makes as many connections as it can.
func (s *stack) frozen(load *storm, pid int, length time.Duration) {
	s.t.Helper()
	load.full()
	s.signal(pid, syscall.SIGSTOP)
	time.Sleep(length)
	s.signal(pid, syscall.SIGCONT)
	load.calm()
}

func (s *stack) signal(pid int, sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, syscall.Kill(pid, sig))
}

// audited asks the audit about the agent, once its checkpoints tell of the end.
func (s *stack) audited(began time.Time) string {
	s.t.Helper()
	end := time.Now()
	var a query.Audit
	s.until("a complete audit", func() bool {
		out, _ := exec.CommandContext(s.t.Context(), programs.Path(s.t, "tcpledger"), "audit", "--clickhouse", s.server.Addr(), "--host", host, "--format", "json",
			"--from", stamp(began), "--to", stamp(end)).Output()
		a = query.Audit{}
		require.NoError(s.t, json.Unmarshal(out, &a), "%s", out)
		return a.Verdict == query.Complete
	})
	return fmt.Sprintf("Of the agent %s numbers: %s in losses, %d missing, %d twice.", text.Count(a.Total.Promised), text.Count(a.Total.Lost), a.Total.Missing, a.Total.Twice)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
