// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// broker is a Kafka in this process with one partition of each topic.
func broker(t testing.TB) string {
	t.Helper()
	var topics []string
	for _, topic := range schema.Topics() {
		topics = append(topics, topic.Name)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// published is what a test has read of an agent's records. It keeps the rows of the test's own labs. Of all records it keeps
// numbers and counts only, so that foreign load fills no memory.
type published struct {
	reader      *kafka.Reader
	decoder     *schema.BatchDecoder
	connections []schema.Connection
	events      []schema.Event
	losses      []schema.Loss
	checkpoints []schema.Checkpoint
	sent        map[[sha256.Size]byte]bool // messages
	held        map[uint32]numbers
	everybody   map[schema.Kind]*tally
	// newest is the latest time of a record or checkpoint, CLOCK_BOOTTIME in nanoseconds.
	newest uint64
	// latest is the longest time by which a row of the labs is older than the newest record of the messages before it.
	latest time.Duration
}

func read(t testing.TB, addr string) *published {
	t.Helper()
	l := &published{held: map[uint32]numbers{}, sent: map[[sha256.Size]byte]bool{}, everybody: map[schema.Kind]*tally{}, decoder: schema.NewBatchDecoder(),
		reader: kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: schema.TopicEvents, Partition: 0, MaxWait: 100 * time.Millisecond})}
	t.Cleanup(func() { require.NoError(t, l.reader.Close()) })
	return l
}

// more reads for 300 ms, and returns whether anything came.
func (l *published) more(t testing.TB) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	for came := false; ; came = true {
		m, err := l.reader.ReadMessage(ctx)
		var late net.Error // of the reader's own deadline too, which a slow guest does not keep
		if errors.As(err, &late) && late.Timeout() {
			return came
		}
		require.NoError(t, err)
		sum := sha256.Sum256(m.Value)
		if l.sent[sum] {
			continue // the agent did not hear that it was stored, and sent it again; ClickHouse keeps it once
		}
		l.sent[sum] = true
		var b schema.Batch
		require.NoError(t, l.decoder.Decode(m.Value, &b))
		require.Empty(t, b.Unknown)
		l.add(t, &b)
	}
}

func (l *published) add(t testing.TB, b *schema.Batch) {
	t.Helper()
	before := l.newest
	for i := range b.Connections {
		c := &b.Connections[i]
		l.note(t, schema.KindConnection, &c.Identity)
		if lab.Own(c.NetNS, c.NetNSCookie) {
			l.connections = append(l.connections, *c)
			l.latest = max(l.latest, time.Duration(before)-time.Duration(c.At))
		}
	}
	for i := range b.Events {
		e := &b.Events[i]
		l.note(t, e.Kind, &e.Identity)
		if lab.Own(e.NetNS, e.NetNSCookie) {
			l.events = append(l.events, *e)
		}
	}
	l.losses = append(l.losses, b.Losses...)
	for _, c := range b.Checkpoints {
		l.checkpoints = append(l.checkpoints, c)
		l.newest = max(l.newest, c.At)
	}
}

const (
	// maxSilence bounds how long a living agent may publish nothing. It writes a checkpoint every 10 seconds.
	maxSilence = wait.Long
	// maxLag bounds, in the records' time, how long after an ending its row comes. A busy machine may need more wall clock.
	maxLag = 30 * time.Second
)

// reach reads until done returns true. It returns false once a record of maxLag after the call has come, or nothing for
// maxSilence.
func (l *published) reach(t testing.TB, done func() bool) bool {
	t.Helper()
	return l.readUntil(t, boottime(t)+uint64(maxLag), done)
}

// readUntil is reach up to a record of that time, CLOCK_BOOTTIME in nanoseconds.
func (l *published) readUntil(t testing.TB, enough uint64, done func() bool) bool {
	t.Helper()
	for heard := time.Now(); !done(); {
		if l.newest > enough || time.Since(heard) > maxSilence {
			return false
		}
		if l.more(t) {
			heard = time.Now()
		}
	}
	return true
}

// boottime is CLOCK_BOOTTIME in nanoseconds, the clock of the records.
func boottime(t testing.TB) uint64 {
	t.Helper()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	return uint64(now.Nano())
}

// in returns the connections of the labs.
func (l *published) in(t testing.TB, worlds ...*lab.Lab) []*schema.Connection {
	t.Helper()
	var out []*schema.Connection
	mine := among(t, worlds)
	for i := range l.connections {
		if mine(&l.connections[i].Socket) {
			out = append(out, &l.connections[i])
		}
	}
	return out
}

// among says of a socket whether it is in one of the labs. Inode numbers tell namespaces apart as long as they live; the
// cookie, where the kernel has one, also from those that ended just before.
func among(t testing.TB, worlds []*lab.Lab) func(*schema.Socket) bool {
	t.Helper()
	cookies := map[uint32]uint64{}
	for _, w := range worlds {
		for _, h := range []*lab.Host{w.A, w.B} {
			cookies[h.Inode(t)] = h.Cookie(t)
		}
	}
	return func(s *schema.Socket) bool {
		cookie, ok := cookies[s.NetNS]
		return ok && (cookie == 0 || s.NetNSCookie == cookie)
	}
}
