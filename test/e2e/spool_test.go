// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// metric reads one of the agent's metrics, by its name with labels; 0 if it has none of that name.
func (c *chain) metric(name string) float64 {
	c.t.Helper()
	r, err := http.Get("http://" + c.agentAddr + "/metrics")
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, r.Body.Close()) }()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "tcpledger_agent_"+name+" "); found {
			n, err := strconv.ParseFloat(value, 64)
			require.NoError(c.t, err)
			return n
		}
	}
	require.NoError(c.t, lines.Err())
	return 0
}

// onDisk waits until all that the agent recorded so far, and a checkpoint that says so, is in the spool.
func (c *chain) onDisk() {
	c.t.Helper()
	const periodic = `checkpoints_total{phase="periodic"}`
	before := c.metric(periodic)
	require.Eventually(c.t, func() bool { return c.metric(periodic) >= before+2 }, wait.Long, 50*time.Millisecond)
	require.Eventually(c.t, func() bool { return c.metric("queue_messages") == 0 }, wait.Long, time.Millisecond)
}

// TestSpoolOutlivesKills: Kafka is away, and agents are killed one after the other. When Kafka is back, the next one sends what had
// reached the disk: no number that a checkpoint promises is missing, and none is there twice.
func TestSpoolOutlivesKills(t *testing.T) {
	const storm = 1_000
	broker := kafkatest.New(t)
	c := &chain{t: t, broker: broker.Addr()}
	server, _ := clickhousetest.Start(t)
	c.clickhouse = server
	run(t, "tcpledger", "topics", "--apply", "--brokers", broker.Addr(), "--partitions", "2")
	c.startIngester("--flush-interval", "200ms")
	c.open()
	spool := append([]string{"--spool", filepath.Join(t.TempDir(), "spool")}, roomy...)
	l := lab.New(t)
	actor := l.A.Actor(t, "storm")
	c.startAgent(spool...)
	actor.Storm(l.A.IPv4, storm)
	broker.Kill9()
	for range 2 {
		actor.Storm(l.A.IPv4, storm)
		c.onDisk()
		c.agent.kill()
		c.startUnheard(spool...)
	}
	actor.Storm(l.A.IPv4, storm)
	broker.Restart()
	require.Eventually(t, func() bool { return c.metric(`spool_bytes{topic="tcpledger.events.v1"}`) == 0 }, wait.Long, 50*time.Millisecond)
	c.agent.stop()
	c.eventually(2*4*storm, "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?", l.A.Cookie(t))
	c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")

	w := query.Window{From: time.Now().Add(-time.Hour), To: time.Now()}
	audit, err := query.New(c.db, "tcpledger", time.Minute).Audit(t.Context(), w, query.Filter{}, query.AuditOptions{Now: time.Now(), Everywhere: true})
	require.NoError(t, err)
	require.Len(t, audit.Sessions, 3)
	total := &audit.Total
	require.GreaterOrEqual(t, total.Promised, uint64(2*4*storm))
	require.Equal(t, total.Promised, total.Held(), "%+v", audit.Findings)
	require.Zero(t, total.Missing+total.Twice+total.DeadLetters, "%+v", audit.Findings)
	t.Logf("promised %d, held %d, twice %d", total.Promised, total.Held(), total.Twice)
}

// startUnheard starts an agent while Kafka is away, and waits until it watches.
func (c *chain) startUnheard(args ...string) {
	c.t.Helper()
	c.agentAddr = freeAddress(c.t)
	c.agent = start(c.t, "agent", append([]string{"--brokers", c.broker, "--listen", c.agentAddr, "--symbols-delay", "0s", "--host-id", "e2e"}, args...)...)
	require.Eventually(c.t, func() bool { return strings.Contains(c.agent.said.String(), "msg=watching") }, wait.Long, 20*time.Millisecond, &c.agent.said)
}
