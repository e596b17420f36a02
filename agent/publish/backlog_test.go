// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"flag"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/agent/spool"
	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/apachekafka"
)

// away is how long Kafka is away in BenchmarkBacklog.
var away = flag.Duration("away", 30*time.Second, "how long Kafka is away in BenchmarkBacklog")

// BenchmarkBacklog keeps Apache Kafka from an agent for -away while 20 full batches come a second, as 20,000 endings make them, and says
// how fast the spool is emptied then beside as many live ones, and how late those are. Run it with -benchtime 1x.
func BenchmarkBacklog(b *testing.B) {
	const perSecond = 20
	broker := apachekafka.Start(b)
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr())}
	_, err := client.CreateTopics(b.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: schema.TopicEvents, NumPartitions: 1, ReplicationFactor: 1}, {Topic: schema.TopicMeta, NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(b, err)
	log := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	s, err := spool.Open(spool.Config{Limits: spool.Limits{Dir: b.TempDir(), Bytes: 16 << 30}, Host: "web-1", Log: log, Registry: registry})
	require.NoError(b, err)
	gate := &gate{}
	p := New(Config{Brokers: []string{broker.Addr()}, Transport: &kafka.Transport{Dial: gate.dial, MetadataTTL: 15 * time.Second}, Limits: DefaultLimits(), Log: log,
		Outage: program.NewOutage(log, "kafka"), Registry: registry, Spool: s})
	gate.shut()
	end := make(chan error, 1)
	go func() { end <- p.Run(context.Background()) }()
	value := fullBatch(b)
	seq, peak := uint64(0), uint64(0)
	offer := func() {
		m := sample(0, seq, seq+schema.BatchRecords-1)
		m.Value = value
		p.Offer(m)
		seq += schema.BatchRecords
		var memory runtime.MemStats
		if runtime.ReadMemStats(&memory); memory.HeapAlloc > peak {
			peak = memory.HeapAlloc
		}
	}
	pace := func(until func() bool) {
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for !until() {
			<-tick.C
			offer()
		}
	}
	began := time.Now()
	pace(func() bool { return time.Since(began) > *away })
	backlog := float64(p.lanes[0].disk.Bytes())
	records := float64(seq)

	gate.open()
	began = time.Now()
	var waits []time.Duration
	pace(func() bool {
		p.mu.Lock()
		waiting := p.queues.records.bytes // live messages that are not sent yet, as time at the live rate
		p.mu.Unlock()
		waits = append(waits, time.Duration(float64(waiting)/float64(len(value)*perSecond)*float64(time.Second)))
		return p.lanes[0].disk.Bytes() == 0
	})
	took := time.Since(began).Seconds()
	p.Finish()
	require.NoError(b, <-end)
	require.NoError(b, s.Close())
	require.Zero(b, testutil.ToFloat64(p.metrics.lost.WithLabelValues(schema.LossQueueOverflow)))
	slices.Sort(waits)
	b.ReportMetric(backlog/(1<<20), "backlog-MiB")
	b.ReportMetric(backlog/records, "B/record")
	b.ReportMetric(took, "drain-s")
	b.ReportMetric(records/took/(perSecond*schema.BatchRecords), "x-live-rate")
	b.ReportMetric(float64(waits[len(waits)/2].Milliseconds()), "live-wait-p50-ms")
	b.ReportMetric(float64(waits[len(waits)-1].Milliseconds()), "live-wait-max-ms")
	b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
}
