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
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	kafkatest.Main(m) // which lets the test binary be either child
	_ = os.RemoveAll(built)
}

// kafkas are the brokers the chain is proven on. The quick run leaves the slow one out.
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

func (c *chain) startAgent(args ...string) {
	c.agentAddr = freeAddress(c.t)
	c.agent = start(c.t, "agent", append([]string{"--brokers", c.broker, "--listen", c.agentAddr, "--symbols-delay", "0s", "--host-id", "e2e"}, args...)...)
	healthy(c.t, c.agent, c.agentAddr)
}

// count runs a query that gives one number.
func (c *chain) count(query string, args ...any) uint64 {
	var n uint64
	require.NoError(c.t, c.db.QueryRow(context.Background(), query, args...).Scan(&n), query)
	return n
}

// eventually waits until a query gives that number, and says what it gave instead.
func (c *chain) eventually(want uint64, query string, args ...any) {
	c.t.Helper()
	var got uint64
	require.Eventually(c.t, func() bool { got = c.count(query, args...); return got >= want }, time.Minute, 100*time.Millisecond,
		"want %d from %s", want, query)
	require.Equal(c.t, want, got, query)
}
