// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sys/unix"

	"tcpledger/agent/message"
	"tcpledger/agent/spool"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
	"tcpledger/test/logged"
)

// spooled is a publisher with a spool.
func spooled(t *testing.T, b *broker, dir string, memory, disk int64) (*Publisher, *logged.Text) {
	t.Helper()
	out := &logged.Text{}
	log, registry := slog.New(slog.NewTextHandler(out, nil)), prometheus.NewRegistry()
	s, err := spool.Open(spool.Config{Limits: spool.Limits{Dir: dir, Bytes: text.Size(disk)}, Host: "web-1", Log: log, Registry: registry})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() }) // most tests close it themselves
	transport := &kafka.Transport{DialTimeout: time.Second, MetadataTTL: 15 * time.Second, ClientID: "test"}
	return New(Config{Brokers: []string{b.addr()}, Transport: transport, Limits: Limits{QueueBytes: text.Size(memory)}, Log: log,
		Outage: program.NewOutage(log, "kafka"), Registry: registry, Spool: s}), out
}

// encoded is a batch with one number, padded to about size bytes.
func encoded(t testing.TB, session, seq uint64, size int) message.Message {
	t.Helper()
	e := schema.NewBatchEncoder()
	e.AddEvent(&schema.Event{Kind: schema.KindError, Identity: schema.Identity{Seq: seq, At: seq, Weight: 1}, Reason: strings.Repeat("x", size)})
	m := message.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Records: 1, At: seq}
	var err error
	m.Value, m.Ranges, err = e.Finish(&schema.Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: session, Run: session, Number: seq + 1})
	require.NoError(t, err)
	return m
}

// account counts how often the broker has each number of a session, in rows and in loss ranges.
func account(t *testing.T, b *broker, session uint64) (rows, lost map[uint64]int) {
	t.Helper()
	rows, lost = map[uint64]int{}, map[uint64]int{}
	var batch schema.Batch
	for _, m := range b.read(schema.TopicEvents, "web-1") {
		require.NoError(t, schema.NewBatchDecoder().Decode(m.Value, &batch))
		if batch.Session != session {
			continue
		}
		for i := range batch.Events {
			rows[batch.Events[i].Seq]++
		}
		for _, l := range batch.Losses {
			for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
				lost[seq]++
			}
		}
	}
	return rows, lost
}

// Kafka is away for longer than memory lasts: all goes on disk, and from there to Kafka. Nothing is lost.
func TestLateNotLost(t *testing.T) {
	b := newBroker(t)
	p, _ := spooled(t, b, t.TempDir(), 1<<20, 64<<20)
	wait := run(t, p, context.Background())
	const n = 6000
	for seq := range uint64(n) {
		p.Offer(encoded(t, 5, seq, 900))
		if seq%100 == 0 { // what comes faster than the disk takes it would be dropped
			require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.queueBytes) < 700_000 }, patience, time.Millisecond)
		}
	}
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.queueBytes) == 0 }, patience, time.Millisecond, "all is on disk")
	require.Greater(t, p.lanes[0].disk.Bytes(), int64(n*900))
	require.NoError(t, p.Err())
	b.start()
	require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.records) >= n }, patience, 10*time.Millisecond)
	p.Finish()
	require.NoError(t, wait())
	require.Zero(t, p.lanes[0].disk.Bytes())
	rows, lost := account(t, b, 5)
	require.Len(t, rows, n)
	require.Empty(t, lost)
}

// The end of a run while Kafka is away, or before it took all: the next run sends what is left, and the losses of a spool that
// overflowed in the session that they are of.
func TestTheNextRunSendsTheRest(t *testing.T) {
	b := newBroker(t)
	dir := t.TempDir()
	const n = 30_000
	for session := uint64(1); session <= 2; session++ {
		p, log := spooled(t, b, dir, 16<<20, 16<<20)
		wait := run(t, p, context.Background())
		for seq := range uint64(n) {
			p.Offer(encoded(t, session, seq, 400))
			if seq%1000 == 0 {
				require.Eventually(t, func() bool { return testutil.ToFloat64(p.metrics.queueBytes) < 8<<20 }, patience, time.Millisecond)
			}
		}
		p.Offer(meta())
		p.Finish()
		require.NoError(t, wait())
		require.NoError(t, p.config.Spool.Close())
		require.Contains(t, log.String(), "keeps for the next run")
	}
	b.start()
	p, log := spooled(t, b, dir, 16<<20, 16<<20)
	require.Contains(t, log.String(), "messages of an earlier run")
	wait := run(t, p, context.Background())
	require.Eventually(t, func() bool { return p.lanes[0].disk.Bytes()+p.lanes[1].disk.Bytes() == 0 }, patience, 10*time.Millisecond)
	p.Finish()
	require.NoError(t, wait())
	total := 0
	for session := uint64(1); session <= 2; session++ {
		rows, lost := account(t, b, session)
		for seq := range uint64(n) {
			require.Equal(t, 1, min(rows[seq], 1)+lost[seq], "session %d, number %d", session, seq)
		}
		total += len(lost)
	}
	require.Positive(t, total)
	require.Len(t, b.read(schema.TopicMeta, "web-1"), 2)
}

// A disk that is full: memory holds what it can, the rest is lost and counted, it is said once, and it goes on when there is room.
func TestFullDiskIsMemoryOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	b := newBroker(t)
	p, log := spooled(t, b, dir, 1<<20, 64<<20)
	wait := run(t, p, context.Background())
	seq := uint64(0)
	require.Eventually(t, func() bool {
		for range 100 {
			p.Offer(encoded(t, 5, seq, 900))
			seq++
		}
		return p.SpoolErr() != nil && p.Err() != nil
	}, patience, time.Millisecond)
	require.ErrorIs(t, p.SpoolErr(), unix.ENOSPC)
	require.Equal(t, 1, strings.Count(log.String(), "part=spool"))
	b.start()
	require.Eventually(t, func() bool {
		return testutil.ToFloat64(p.metrics.queueBytes) == 0 && p.lanes[0].disk.Bytes() == 0
	}, patience, time.Millisecond)
	lost := map[uint64]bool{}
	for _, l := range p.TakeLosses(10_000) {
		for n := l.SeqFrom; n <= l.SeqTo; n++ {
			lost[n] = true
		}
	}
	p.Finish()
	require.NoError(t, wait())
	rows, _ := account(t, b, 5)
	require.Len(t, rows, int(seq)-len(lost))
	for n := range lost {
		require.Zero(t, rows[n], "number %d", n)
	}
}

// A message on disk that the broker will never take becomes a loss of its session, and the rest goes on.
func TestTooLargeOnDisk(t *testing.T) {
	b := newBroker(t)
	p, _ := spooled(t, b, t.TempDir(), 16<<20, 64<<20)
	wait := run(t, p, context.Background())
	for seq := range uint64(5) {
		m := encoded(t, 5, seq, 100)
		if seq == 2 {
			m = noise(t, 5, seq, 100_000)
		}
		p.Offer(m)
	}
	require.Eventually(t, func() bool { return p.lanes[0].disk.Bytes() > 0 && testutil.ToFloat64(p.metrics.queueBytes) == 0 }, patience, time.Millisecond)
	b.start(kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	require.Eventually(t, func() bool { return p.lanes[0].disk.Bytes() == 0 }, patience, time.Millisecond)
	p.Finish()
	require.NoError(t, wait())
	rows, lost := account(t, b, 5)
	require.Equal(t, map[uint64]int{0: 1, 1: 1, 3: 1, 4: 1}, rows)
	require.Len(t, lost, 25)
	for n, times := range lost {
		require.Equal(t, uint64(2), n%4000)
		require.Equal(t, 1, times)
	}
}

// noise is a batch that does not compress, with a number every 4,000.
func noise(t testing.TB, session, seq uint64, size int) message.Message {
	reason := make([]byte, 0, size)
	state := uint32(1)
	for len(reason) < size {
		state = state*1664525 + 1013904223
		reason = append(reason, ' '+byte(state>>24)%95)
	}
	e := schema.NewBatchEncoder()
	for i := 0; i < size; i += 4000 {
		e.AddEvent(&schema.Event{Kind: schema.KindError, Identity: schema.Identity{Seq: seq + uint64(i), At: seq, Weight: 1}, Reason: string(reason[i:min(i+4000, size)])})
	}
	m := message.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Records: 1, At: seq}
	var err error
	m.Value, m.Ranges, err = e.Finish(&schema.Header{Host: "web-1", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: session, Run: session, Number: seq + 1})
	require.NoError(t, err)
	return m
}

func TestMeter(t *testing.T) {
	var m meter
	now := time.Now()
	for range 600 {
		now = now.Add(100 * time.Millisecond)
		m.add(1000, now)
	}
	require.InEpsilon(t, 10_000, m.perSecond(now), 0.05)
	require.Less(t, m.perSecond(now.Add(time.Minute)), 100.0)
}
