// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/test/lab"
)

// BenchmarkVisible measures from the moment an application's close() returns to the moment a query sees the row, with the
// defaults of agent and ingester: p50-ms and p99-ms.
func BenchmarkVisible(b *testing.B) {
	const endings = 300
	c := &chain{t: b, broker: kafkatest.New(b).Addr()}
	c.parts()
	c.startAgent()
	l := lab.New(b)
	listener := l.B.Actor(b, "server").Listen(l.B.IPv4, 64)
	client := l.A.Actor(b, "client")
	ns := l.A.Cookie(b)
	for b.Loop() {
		var mu sync.Mutex
		closed, took := map[uint16]time.Time{}, []float64{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for len(took) < endings {
				now := time.Now()
				for _, port := range c.ports(ns) {
					mu.Lock()
					if at, ok := closed[port]; ok {
						took = append(took, now.Sub(at).Seconds()*1000)
						delete(closed, port)
					}
					mu.Unlock()
				}
				time.Sleep(2 * time.Millisecond)
			}
		}()
		for range endings {
			s := client.Dial(listener.Local)
			server := listener.Accept()
			s.Linger0()
			s.Close()
			mu.Lock()
			closed[s.Local.Port()] = time.Now()
			mu.Unlock()
			server.Close()
			time.Sleep(15 * time.Millisecond)
		}
		<-done
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], "p50-ms")
		b.ReportMetric(took[len(took)*99/100], "p99-ms")
	}
}

// ports are the local ports of the client's rows of the last minute.
func (c *chain) ports(ns uint64) []uint16 {
	var ports []uint16
	err := c.db.QueryRow(context.Background(), `SELECT groupArray(local_port) FROM tcpledger.connections
		WHERE closed_at > now() - 60 AND role = 'client' AND netns_cookie = ?`, ns).Scan(&ports)
	require.NoError(c.t, err)
	return ports
}

// BenchmarkThroughput makes endings as fast as one process can, with everything on this machine, and measures the records
// that are in their tables per second from the first ending to the last row: records/s, lost, agent-rss-MiB. An aborted
// connection makes four records: two endings, a reset sent and a reset received.
func BenchmarkThroughput(b *testing.B) {
	const storm = 40_000
	c := &chain{t: b, broker: kafkatest.New(b).Addr()}
	c.parts()
	c.startAgent()
	l := lab.New(b)
	ns := l.A.Cookie(b)
	for b.Loop() {
		began := time.Now()
		l.A.Actor(b, "storm").Storm(l.A.IPv4, storm)
		stormed := time.Since(began)
		c.eventually(4*storm, `SELECT (SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?) +
			(SELECT count() FROM tcpledger.events WHERE kind IN ('reset_sent', 'reset_received') AND netns_cookie = ?)`, ns, ns)
		b.ReportMetric(4*storm/time.Since(began).Seconds(), "records/s")
		b.ReportMetric(storm/stormed.Seconds(), "conns/s")
		b.ReportMetric(float64(c.count("SELECT sum(lost) FROM tcpledger.loss")), "lost")
		b.ReportMetric(residentMiB(b, c.agent.cmd.Process.Pid), "agent-rss-MiB")
	}
}

var resident = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

func residentMiB(b *testing.B, pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(b, err)
	kib, err := strconv.ParseFloat(string(resident.FindSubmatch(text)[1]), 64)
	require.NoError(b, err)
	return kib / 1024
}
