// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/schema"
)

// TestAsksForItsOwnTopicsOnly: a fleet that asks every few seconds for all that a shared cluster holds would be its load.
func TestAsksForItsOwnTopicsOnly(t *testing.T) {
	needPrivileges(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, schema.TopicEvents, schema.TopicMeta),
		kfake.SeedTopics(1, schema.TopicSymbols, schema.TopicBuilds, "orders", "payments"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	var asked, all atomic.Int64
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		request := r.(*kmsg.MetadataRequest)
		asked.Add(1)
		if len(request.Topics) == 0 || len(request.Topics) > 4 {
			all.Add(1)
		}
		return true
	}})
	listen := freeAddr(t)
	p := start(t, nil, "--brokers", cluster.ListenAddrs()[0], "--listen", listen, "--symbols-delay", "0s")
	p.healthy(listen)
	inNetNS(t, func() { traffic(t, "127.0.0.1", 1) })
	p.signal(syscall.SIGTERM)
	require.Equal(t, 0, p.wait(), p.output())
	require.Positive(t, asked.Load())
	require.Zero(t, all.Load())
}

// TestStopsThoughKafkaIsAway: the end is bounded, and says what Kafka did not get.
func TestStopsThoughKafkaIsAway(t *testing.T) {
	needPrivileges(t)
	p := start(t, nil, "--brokers", freeAddr(t), "--listen", freeAddr(t), "--symbols-delay", "0s")
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "part=kafka ") }, patience, 20*time.Millisecond, lazily(p.output))
	inNetNS(t, func() { traffic(t, "127.0.0.1", 5) })
	p.signal(syscall.SIGTERM)
	require.Equal(t, 1, p.wait(), p.output())
	require.Regexp(t, `tcpledger-agent: \d+ messages with \d+ records were not delivered to Kafka\n$`, p.output())
	require.Equal(t, 1, strings.Count(p.output(), "not available, trying on\" part=kafka "), p.output())
}

// TestGoesOnWhenNobodyReadsItsLog: the end of what reads its standard error (a log shipper) is not the end of the agent.
func TestGoesOnWhenNobodyReadsItsLog(t *testing.T) {
	needPrivileges(t)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	broker, listen := freeAddr(t), freeAddr(t)
	p := start(t, func(cmd *exec.Cmd) { cmd.Stderr = write }, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s")
	require.NoError(t, write.Close())
	_, port, err := net.SplitHostPort(broker)
	require.NoError(t, err)
	newKafka(t, port)
	p.healthy(listen)
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait())
}
