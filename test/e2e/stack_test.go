// SPDX-License-Identifier: Apache-2.0

// Package e2e proves the whole: real kernel events through agent, Kafka and ingester into ClickHouse.
package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/test/apachekafka"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
	"tcpledger/test/wait"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	kafkatest.Main(m) // which lets the test binary be either child
	programs.Remove()
}

// kafkas are the brokers that the chain runs on. The quick run leaves the slow one out.
func kafkas() map[string]func(testing.TB) string {
	all := map[string]func(testing.TB) string{"embedded": kafkatest.Start}
	if os.Getenv("TCPLEDGER_TEST_QUICK") == "" {
		all["apache"] = func(t testing.TB) string { return apachekafka.Start(t).Addr() }
	}
	return all
}

// chain is a running tcpledger: everything between the kernel and the tables.
type chain struct {
	t          testing.TB
	broker     string
	clickhouse string
	agent      *process
	agentAddr  string
	ingester   *process
	db         driver.Conn
}

// newChain starts everything but the agent.
func newChain(t testing.TB, broker string) *chain {
	t.Helper()
	c := &chain{t: t, broker: broker}
	c.parts("--flush-interval", "200ms")
	return c
}

// parts starts ClickHouse, the topics and the ingester, and connects.
func (c *chain) parts(ingester ...string) {
	c.t.Helper()
	c.clickhouse, _ = clickhousetest.Start(c.t)
	run(c.t, "tcpledger", "topics", "--apply", "--brokers", c.broker, "--partitions", "3")
	c.startIngester(ingester...)
	c.open()
}

// open connects to the tables as a reader does: FINAL.
func (c *chain) open() {
	c.t.Helper()
	var err error
	c.db, err = clickhouse.Open(&clickhouse.Options{Addr: []string{c.clickhouse}, Settings: clickhouse.Settings{"final": 1}})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, c.db.Close()) })
}

func (c *chain) startIngester(args ...string) {
	addr := freeAddress(c.t)
	c.ingester = start(c.t, "ingester", append([]string{"--brokers", c.broker, "--clickhouse", c.clickhouse, "--listen", addr}, args...)...)
	healthy(c.t, c.ingester, addr)
}

// roomy are flags with which an agent beside foreign load loses nothing.
var roomy = []string{"--ring-bytes", "256MiB", "--queue-bytes", "1GiB"}

func (c *chain) startAgent(args ...string) {
	c.t.Helper()
	c.agentAddr = freeAddress(c.t)
	c.agent = start(c.t, "agent", append([]string{"--brokers", c.broker, "--listen", c.agentAddr, "--symbols-delay", "0s", "--pins", "none", "--host-id", "e2e"}, args...)...)
	healthy(c.t, c.agent, c.agentAddr)
}

// count runs a query that returns one number.
func (c *chain) count(query string, args ...any) uint64 {
	var n uint64
	require.NoError(c.t, c.db.QueryRow(context.Background(), query, args...).Scan(&n), query)
	return n
}

const (
	// maxLag bounds, in the agent's time, how long after an ending its row comes. A busy machine may need more wall clock.
	maxLag = 30 * time.Second
	// maxStandstill bounds how long neither the answer nor the newest checkpoint in the tables may change.
	maxStandstill = wait.Long
)

// eventually waits until a query returns that number, and fails if it returns more, or fewer when awaited gives up.
func (c *chain) eventually(want uint64, query string, args ...any) {
	c.t.Helper()
	got := c.awaited(want, query, args...)
	if got != want {
		c.logTotals()
	}
	require.Equal(c.t, want, got, query)
}

// awaited waits until a query returns at least that number, and returns what it returned last. It gives up once the tables have
// a checkpoint of maxLag after the call, or once nothing has changed for maxStandstill.
func (c *chain) awaited(want uint64, query string, args ...any) uint64 {
	c.t.Helper()
	enough, changed := uint64(time.Now().Add(maxLag).UnixMicro()), time.Now()
	var got, newest uint64
	for {
		last := c.count("SELECT toUInt64(max(toUnixTimestamp64Micro(at))) FROM tcpledger.checkpoints")
		now := c.count(query, args...)
		if now != got || last != newest {
			got, newest, changed = now, last, time.Now()
		}
		if got >= want || newest > enough || time.Since(changed) > maxStandstill {
			return got
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// logTotals shows what the agent never numbered: a skipped program makes no record.
func (c *chain) logTotals() {
	var totals map[string]uint64
	err := c.db.QueryRow(context.Background(), "SELECT mapFilter((k, v) -> v > 0, totals::Map(String, UInt64)) FROM tcpledger.checkpoints ORDER BY at DESC LIMIT 1").Scan(&totals)
	c.t.Log("totals of the last checkpoint:", totals, err)
}

// of returns the chain for the use of a subtest.
func (c *chain) of(t testing.TB) *chain {
	other := *c
	other.t = t
	return &other
}
