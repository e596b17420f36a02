// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
	"tcpledger/test/wait"
)

// startClocked starts an agent whose wall clock is the test's.
func (c *chain) startClocked() *lab.Clock {
	c.t.Helper()
	c.agentAddr = freeAddress(c.t)
	cmd := exec.Command(programs.Path(c.t, "agent"), append(roomy[:len(roomy):len(roomy)], "--brokers", c.broker, "--listen", c.agentAddr, "--symbols-delay", "0s",
		"--pins", "none", "--host-id", "e2e", "--spool", "none")...)
	clock := lab.Clocked(c.t, cmd)
	c.agent = startCommand(c.t, "agent", cmd)
	healthy(c.t, c.agent, c.agentAddr)
	return clock
}

// A host's clock jumps a year ahead and back, then a year back and ahead again. Rows of a year ago are kept; what is of the next year is in
// dead letters, which say why, with its numbers. The audit finds every number once. (The mark clock_off is of the time at which a message
// was sent, which the agent reads without a system call: it is tested in ingester/consume.)
func TestTheClockJumpsAYear(t *testing.T) {
	const conns, year = 50, 365 * 24 * time.Hour
	c := newChain(t, kafkatest.Start(t))
	clock := c.startClocked()
	l := lab.New(t)
	actor := l.A.Actor(t, "clocked")
	began := time.Now()
	const ofStorm = "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ? AND "
	stored := func(and string) uint64 { return c.count(ofStorm+and, l.A.Cookie(t)) }
	const (
		right, behind = "closed_at > now() - INTERVAL 1 DAY", "closed_at < now() - INTERVAL 300 DAY"
		ahead         = "SELECT toUInt64(sum(arraySum(arrayMap((from, to) -> to - from + 1, seqs_from, seqs_to)))) FROM tcpledger.dead_letters WHERE startsWith(reason, 'time')"
	)
	for _, jump := range []struct {
		ahead time.Duration
		seen  func() bool
	}{
		{0, func() bool { return stored(right) >= 2*conns }},
		{year, func() bool { return c.count(ahead) >= 2*conns }},
		{0, func() bool { return stored(right) >= 4*conns }},
		{-year, func() bool { return stored(behind) >= conns }},
		{0, func() bool { return stored(right) >= 6*conns }},
	} {
		clock.Set(jump.ahead)
		actor.Storm(l.A.IPv4, conns)
		require.Eventually(t, jump.seen, wait.Long, 100*time.Millisecond, "%s", lazily(func() string {
			return fmt.Sprintf("%s: %d at the right time, %d a year ago, %d numbers of the next year", jump.ahead, stored(right), stored(behind), c.count(ahead))
		}))
		t.Logf("%s: seen", jump.ahead)
	}
	require.NoError(t, c.agent.cmd.Process.Signal(syscall.SIGINT))
	require.NoError(t, <-c.agent.done)
	c.agent.done <- nil
	c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
	var a query.Audit
	require.Eventually(t, func() bool {
		out, _ := exec.Command(programs.Path(t, "tcpledger"), "audit", "--clickhouse", c.clickhouse, "--from", began.UTC().Format(time.RFC3339), "--to", time.Now().UTC().Format(time.RFC3339), "--format", "json").Output()
		a = query.Audit{}
		return json.Unmarshal(out, &a) == nil && a.Total.Promised > 0 && a.Total.Missing == 0
	}, wait.Long, time.Second, "%+v", &a)
	require.Zero(t, a.Total.Twice)
	require.Equal(t, query.Incomplete, a.Verdict, "%+v", a.Findings)
	require.GreaterOrEqual(t, a.Total.DeadLetters, uint64(2*conns))
	for _, f := range a.Findings {
		t.Log(f)
	}
}
