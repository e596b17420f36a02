// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/judge"
	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/schema"
)

const (
	// chaosSeconds is the environment variable with how long the generator throws; make chaos-input sets it.
	chaosSeconds = "TCPLEDGER_TEST_CHAOS_SECONDS"
	// maxResident bounds the memory of the ingester, whatever comes: docs/ingester.md says what it is made of.
	maxResident = 256 << 20
	// maxStale bounds how long rows of the bystander may wait at any moment, on a machine that others use too.
	maxStale = time.Minute
)

// chaos is an ingester between a Kafka and a ClickHouse, and who sends what to it.
type chaos struct {
	t      *testing.T
	client *kafka.Client
	writer *kafka.Writer
	db     *clickhouse.DB
	random *rand.Rand
	judge  *judge.Judge
	sent   uint64      // rows of the bystander
	bad    uint64      // messages or batches that have to be dead letters
	waits  []time.Time // of the bystander's batches that were not seen stored
	stale  time.Duration
}

// Bad messages of every kind that was ever found, and many that a generator makes of good ones, go to every partition for a while.
// Beside them a bystander sends good ones. Afterwards each good row is there, each bad message is a dead letter once, and the
// ingester stayed below its bound.
func TestChaosInput(t *testing.T) {
	broker := newKafka(t)
	addr, _ := clickhousetest.Start(t)
	c := &chaos{t: t, client: &kafka.Client{Addr: kafka.TCP(broker)}, db: open(t, addr), random: rand.New(rand.NewPCG(1, 2)), judge: judge.New(),
		writer: &kafka.Writer{Addr: kafka.TCP(broker), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 8 << 20,
			Balancer: kafka.BalancerFunc(func(m kafka.Message, ids ...int) int { return m.Partition % len(ids) })}}
	defer func() { require.NoError(t, c.writer.Close()) }()
	p := start(t, "--brokers", broker, "--clickhouse", addr)
	c.bystander()
	eventually(t, c.db, "SELECT count() FROM tcpledger.connections FINAL WHERE host = 'bystander'", is(c.sent))

	for _, throw := range c.corpus() {
		throw()
		c.bystander()
	}
	seconds, _ := strconv.Atoi(os.Getenv(chaosSeconds)) // not set: a short while
	for end := time.Now().Add(time.Duration(max(seconds, 5)) * time.Second); time.Now().Before(end); {
		c.generated()
		c.bystander()
	}

	eventually(t, c.db, "SELECT count() FROM tcpledger.connections FINAL WHERE host = 'bystander'", is(c.sent))
	eventually(t, c.db, "SELECT count() FROM tcpledger.dead_letters FINAL", is(c.bad))
	require.Equal(t, c.sent, count(t, c.db, "SELECT uniqExact(stream, seq) FROM tcpledger.connections WHERE host = 'bystander' AND last_state = 'LAST_ACK'"), "as they were sent")
	require.Equal(t, c.bad, count(t, c.db, "SELECT count() FROM tcpledger.dead_letters SETTINGS final = 0"), "once each")
	require.Zero(t, count(t, c.db, "SELECT count() FROM tcpledger.loss FINAL WHERE host = 'bystander'"), "nobody hid a number")
	p99 := count(t, c.db, "SELECT toUInt64(quantileExact(0.99)(dateDiff('ms', closed_at, received_at))) FROM tcpledger.connections WHERE host = 'bystander'")
	resident := p.resident(t)
	t.Logf("%d bad messages, %d rows of the bystander: read after %d ms (p99), none waited longer than %s; peak memory %d MiB", c.bad, c.sent, p99, c.stale, resident>>20)
	require.Less(t, c.stale, maxStale)
	require.Less(t, resident, maxResident)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
}

// resident is the most memory that the process ever had.
func (p *process) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "status"))
	require.NoError(t, err)
	_, line, ok := strings.Cut(string(status), "VmHWM:")
	require.True(t, ok)
	var kib int
	_, err = fmt.Sscanf(line, "%d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}

// bystander looks how long its rows have been waiting, if any are, and sends a batch of good rows of this moment to each partition.
func (c *chaos) bystander() {
	var newest time.Time
	if err := c.db.QueryRow(c.t.Context(), "SELECT max(closed_at) FROM tcpledger.connections WHERE host = 'bystander'").Scan(&newest); err == nil {
		for len(c.waits) > 0 && !newest.Before(c.waits[0]) {
			c.waits = c.waits[1:]
		}
	}
	if len(c.waits) > 0 {
		c.stale = max(c.stale, time.Since(c.waits[0]))
	}
	now := time.Now().Truncate(time.Microsecond) // as the tables have it
	for partition := range 6 {
		c.send(schema.TopicEvents, partition, "bystander", goodBatch(c.t, "bystander", uint32(partition), c.sent/6, now))
	}
	c.waits = append(c.waits, now)
	c.sent += 6 * 10
}

// goodBatch has ten connections that were closed at a moment, an hour after boot.
func goodBatch(t testing.TB, host string, stream uint32, seq uint64, at time.Time) []byte {
	return batchOf(t, 10, host, stream, seq, at)
}

func batchOf(t testing.TB, rows uint64, host string, stream uint32, seq uint64, at time.Time) []byte {
	t.Helper()
	const hour = uint64(time.Hour)
	e := schema.NewBatchEncoder()
	for i := range rows {
		e.AddConnection(&schema.Connection{Identity: schema.Identity{Stream: stream, Seq: seq + i, At: hour, Weight: 1}, Flavour: schema.FlavourTCP,
			Evidence: schema.Evidence{FirstFin: schema.SideLocal, LastState: schema.StateLastAck, Flags: schema.FlagFinReceived}})
	}
	return encoded(t, e, host, at)
}

func encoded(t testing.TB, e *schema.BatchEncoder, host string, at time.Time) []byte {
	t.Helper()
	message, _, err := e.Finish(&schema.Header{Host: host, BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1, Run: 1,
		Clock: schema.Clock{Offset: at.Add(-time.Hour).UnixNano()}})
	require.NoError(t, err)
	return message
}

func (c *chaos) send(topic string, partition int, key string, value []byte) {
	c.t.Helper()
	require.NoError(c.t, c.writer.WriteMessages(c.t.Context(), kafka.Message{Topic: topic, Partition: partition, Key: []byte(key), Value: value}))
}

// throwBad sends a message that has to be a dead letter.
func (c *chaos) throwBad(topic, key string, value []byte) {
	c.send(topic, c.partition(topic), key, value)
	c.bad++
}

// throwBatch stores a batch that nobody can read.
func (c *chaos) throwBatch(topic string, batch []byte) {
	fetchtest.Produce(c.t, c.client, topic, c.partition(topic), batch)
	c.bad++
}

func (c *chaos) partition(topic string) int {
	if topic == schema.TopicEvents {
		return c.random.IntN(6)
	}
	return 0
}

// generated sends a good message with a few of its bytes changed, cut or added. The judge says whether it is still good.
func (c *chaos) generated() {
	value := goodBatch(c.t, "victim", uint32(c.random.IntN(8)), c.random.Uint64N(1e6), time.Now())
	topic, key := schema.TopicEvents, "victim"
	if c.random.IntN(4) == 0 {
		topic, key, value = schema.TopicMeta, "victim", goodMeta(c.t, "victim")
	}
	switch c.random.IntN(4) {
	case 0:
		value = value[:c.random.IntN(len(value))]
	case 1:
		value = append(value, make([]byte, c.random.IntN(50))...)
	default:
		for range 1 + c.random.IntN(4) {
			value[c.random.IntN(len(value))] = byte(c.random.UintN(256))
		}
	}
	if c.judge.Reject(&judge.Message{Topic: topic, Key: []byte(key), Value: value, Time: time.Now()}).Any() {
		c.bad++
	}
	c.send(topic, c.partition(topic), key, value)
}
