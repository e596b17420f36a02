// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/apachekafka"
	"tcpledger/test/lab"
	"tcpledger/test/setting"
	"tcpledger/test/wait"
)

// calls are what a flush does for others to see or for itself to find again, by kind.
var calls = []string{
	"write,pwrite64,writev", "sendto,sendmsg", "rename,renameat,renameat2", "unlink,unlinkat,rmdir", "link,linkat", "mkdir,mkdirat",
	"fsync,fdatasync", "ftruncate",
}

// TestKilledAtEveryCall kills the ingester, and then ClickHouse, at the first call of a flush that a thread makes, at the second, and so
// on until a flush survives. After each kill all rows are there once. TCPLEDGER_TEST_CHAOS_EVERY is how many calls are left out between two, and 1 takes each kind of
// call by itself; make test leaves most out.
func TestKilledAtEveryCall(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv(apachekafka.RequireReal) == "1" {
			t.Fatal("strace is not installed: deploy/setup.sh test installs it")
		}
		t.Skip("strace is not installed")
	}
	for name, every := range map[string]int{"ingester": 15, "clickhouse": 60} { // a flush of the server makes more calls
		every = setting.Number(t, "TCPLEDGER_TEST_CHAOS_EVERY", every)
		kinds := []string{strings.Join(calls, ",")}
		if every == 1 {
			kinds = calls
		}
		t.Run(name, func(t *testing.T) {
			f := newFlushed(t)
			victim := map[string]*part{"ingester": f.ingester, "clickhouse": f.engine}[name]
			seen := map[string]int{}
			for _, kind := range kinds {
				for at := 1; ; at += every {
					killedIn := f.flush(victim, kind, at)
					f.requireOnce()
					if killedIn == "" {
						break
					}
					seen[killedIn]++
					t.Logf("%s: killed at call %d of a thread: %s", name, at, killedIn)
				}
			}
			f.requireAudit()
			t.Logf("%s: killed at %v, each %d; %d rows, 0 missing, 0 twice", name, seen, every, 2*f.rows)
		})
	}
}

// flushed is an ingester between a Kafka and a ClickHouse, with one host's session that grows.
type flushed struct {
	t        testing.TB
	ingester *part
	engine   *part
	writer   *kafka.Writer
	db       *clickhouse.DB
	addr     string
	began    time.Time
	last     time.Time // of the newest checkpoint
	rows     uint64    // of connections, and as many of events
	rounds   uint64
	told     uint64 // checkpoints
}

const (
	flushedStreams = 3
	flushedRows    = 20 // connections, and as many events, of a stream in a round
	// Each round is of minutes of its own, which no later round makes ClickHouse sum up again.
	apart, sinceBoot = 10 * time.Minute, 10 * 24 * time.Hour
)

func newFlushed(t *testing.T) *flushed {
	t.Helper()
	broker := kafkatest.Open(t)
	for _, topic := range schema.Topics() {
		kafkatest.Topic(t, broker, topic.Name, 2, topic.Configs)
	}
	return flushedFrom(t, broker, nil)
}

// flushedFrom has an ingester on a host, or in this network, that reads from brokers.
func flushedFrom(t *testing.T, brokers string, host *lab.Host) *flushed {
	t.Helper()
	options := clickhousetest.Options(t)
	f := &flushed{t: t, began: time.Now().Add(-sinceBoot)}
	f.engine = &part{t: t, name: "clickhouse", launch: func(*part) *child.Process {
		server := clickhousetest.StartAt(t, options)
		f.addr = server.Addr()
		return server.Process
	}}
	f.engine.start()
	flags := clickhouse.Flags{Addr: f.addr, Database: schema.Database}
	var err error
	f.db, err = flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.db.Close()) })
	transport := &kafka.Transport{MetadataTTL: time.Second}
	server := func() string { return f.addr }
	if host != nil {
		transport.Dial = host.Dial
		at := relayed(t, host, f.addr)
		server = func() string { return at }
	}
	f.ingester = &part{t: t, name: "ingester", host: host, launch: func(p *part) *child.Process {
		return p.run("ingester", "--brokers", brokers, "--clickhouse", server(), "--listen", "", "--flush-interval", "100ms")
	}}
	f.ingester.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the ingester said last:\n%s", f.ingester.process.Tail())
		}
		f.ingester.end()
	})
	f.writer = &kafka.Writer{Addr: kafka.TCP(strings.Split(brokers, ",")...), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: transport}
	t.Cleanup(func() { require.NoError(t, f.writer.Close()) })
	f.send(schema.CheckpointStart)
	f.requireOnce()
	return f
}

// send sends a round of rows with numbers that go on, and a checkpoint that says so.
func (f *flushed) send(phase string) {
	f.t.Helper()
	f.last = time.Now()
	header := &schema.Header{Host: "flushed", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1, Run: 1,
		Clock: schema.Clock{Offset: f.last.Add(-sinceBoot).UnixNano()}}
	at := uint64(sinceBoot)
	closed := at - f.rounds*uint64(apart)
	var messages []kafka.Message
	checkpoint := &schema.Checkpoint{At: at, Phase: phase}
	for stream := range uint32(flushedStreams) {
		e := schema.NewBatchEncoder()
		first := f.rounds * 2 * flushedRows
		for n := range uint64(flushedRows) {
			e.AddConnection(&schema.Connection{Identity: schema.Identity{Stream: stream, Seq: first + 2*n, At: closed, Weight: 1}, Flavour: schema.FlavourTCP,
				Evidence: schema.Evidence{FirstFin: schema.SideLocal, LastState: schema.StateLastAck, Flags: schema.FlagFinReceived}})
			e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: stream, Seq: first + 2*n + 1, At: closed, Weight: 1}, Reason: "NO_SOCKET"})
		}
		f.rows += flushedRows
		checkpoint.Streams, checkpoint.Next = append(checkpoint.Streams, stream), append(checkpoint.Next, first+2*flushedRows)
		if stream == flushedStreams-1 {
			e.AddCheckpoint(checkpoint)
		}
		value, _, err := e.Finish(header)
		require.NoError(f.t, err)
		messages = append(messages, kafka.Message{Topic: schema.TopicEvents, Key: []byte(header.Host), Value: value})
	}
	f.rounds++
	f.told++
	require.NoError(f.t, f.writer.WriteMessages(f.t.Context(), messages...))
}

// flush kills the victim at that call of these kinds of one of its threads while rows come, starts it again, and gives the call. It gives
// "" if the rows were stored before.
func (f *flushed) flush(victim *part, kind string, call int) (killedIn string) {
	f.t.Helper()
	all := family(victim.process.PID())
	pid := all[len(all)-1] // the engine itself is the last of its family
	trace := filepath.Join(f.t.TempDir(), "trace")
	tracer, err := child.Start(child.Command{Name: "strace", Path: "strace", StopSignal: syscall.SIGINT,
		Args: []string{"-f", "-p", fmt.Sprint(pid), "-o", trace, "-e", "trace=" + kind, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", kind, call)}})
	require.NoError(f.t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		_ = tracer.Stop(ctx) // whatever it says when its tracee is gone
	}()
	require.Eventually(f.t, func() bool { return strings.Contains(tracer.Tail(), "attached") || victim.ended() }, wait.Long, time.Millisecond, "strace does not attach: %s", tracer.Tail())
	f.send(schema.CheckpointPeriodic)
	for {
		if victim.ended() {
			<-tracer.Done()
			victim.start()
			return lastCall(f.t, trace)
		}
		if f.stored() {
			return ""
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// lastCall is the name of the last call that a trace tells of: the one at which the process was killed.
func lastCall(t testing.TB, trace string) string {
	t.Helper()
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	last := "?"
	for line := range strings.Lines(string(text)) {
		if before, _, ok := strings.Cut(line, "("); ok {
			fields := strings.Fields(before) // thread, name
			last = fields[len(fields)-1]
		}
	}
	return last
}

// stored reports whether the tables have all rows that were sent.
func (f *flushed) stored() bool {
	var connections, events, checkpoints uint64
	err := f.db.QueryRow(f.t.Context(), "SELECT (SELECT count() FROM tcpledger.connections FINAL), (SELECT count() FROM tcpledger.events FINAL), (SELECT count() FROM tcpledger.checkpoints FINAL)").
		Scan(&connections, &events, &checkpoints)
	return err == nil && connections >= f.rows && events >= f.rows && checkpoints >= f.told
}

// requireOnce waits until all rows are stored, and wants none more.
func (f *flushed) requireOnce() {
	f.t.Helper()
	require.Eventually(f.t, f.stored, wait.Long, 5*time.Millisecond, "the rows are not all there")
	for _, table := range []string{"connections", "events"} {
		var rows, distinct uint64
		require.NoError(f.t, f.db.QueryRow(f.t.Context(), "SELECT count(), uniqExact(stream, seq) FROM tcpledger."+table+" FINAL").Scan(&rows, &distinct))
		require.Equal(f.t, []uint64{f.rows, f.rows}, []uint64{rows, distinct}, table)
	}
}

// requireAudit asks the program, and holds the rollups of minutes to the rows.
func (f *flushed) requireAudit() {
	f.t.Helper()
	a := audit(f.t, f.addr, f.began, f.last)
	require.Equal(f.t, query.Complete, a.Verdict, "%+v", a.Findings)
	requireRollups(f.t, f.db)
}
