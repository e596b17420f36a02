// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

// asProgram makes the test binary be the ingester.
const asProgram = "be-the-ingester"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		cmd := rootCommand()
		cmd.SetArgs(os.Args[2:])
		os.Exit(program.Main(cmd))
	}
	clickhousetest.Main(m)
}

const maxWait = wait.Long

// process is an ingester of its own.
type process struct {
	*exec.Cmd
	log *output
}

// output is what a process writes. It is read while the process runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// said counts how often the process wrote a text.
func (p *process) said(text string) int { return strings.Count(p.log.String(), text) }

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], append([]string{asProgram, "--listen=", "--flush-interval=20ms"}, args...)...), log: &output{}}
	p.Stdout, p.Stderr = p.log, p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill() // the test failed before it ended it
			_ = p.Wait()
		}
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

// ends waits for the process and gives its exit code, -1 for a signal.
func (p *process) ends(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(maxWait, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	_ = p.Wait() // the exit code is what is asked for
	return p.ProcessState.ExitCode()
}

func newKafka(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, schema.TopicEvents), kfake.SeedTopics(1, schema.TopicMeta, schema.TopicSymbols))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func open(t *testing.T, addr string) *clickhouse.DB {
	t.Helper()
	flags := clickhouse.Flags{Addr: addr, Database: schema.Database}
	db, err := flags.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// count is what a query of one number answers.
func count(t *testing.T, db *clickhouse.DB, query string) (n uint64) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), query).Scan(&n), query)
	return n
}

// eventually waits until a query of one number gives what met accepts. The table may not exist at first.
func eventually(t *testing.T, db *clickhouse.DB, query string, met func(n uint64) bool) {
	t.Helper()
	var n uint64
	var err error
	for deadline := time.Now().Add(maxWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = db.QueryRow(t.Context(), query).Scan(&n); err == nil && met(n) {
			return
		}
	}
	require.NoError(t, err, query)
	require.FailNow(t, "it stays", "%d: %s", n, query)
}

func is(want uint64) func(uint64) bool { return func(n uint64) bool { return n == want } }

func positive(n uint64) bool { return n > 0 }

func batch(t *testing.T, stream uint32, from, n uint64) []byte {
	t.Helper()
	e := schema.NewBatchEncoder()
	for seq := from; seq < from+n; seq++ {
		e.AddConnection(&schema.Connection{Identity: schema.Identity{Stream: stream, Seq: seq, At: seq * 1e6}, Flavour: schema.FlavourTCP})
	}
	message, _, err := e.Finish(&schema.Header{Host: "h", BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1, Clock: schema.Clock{Offset: 1_772_625_600_000_000_000}})
	require.NoError(t, err)
	return message
}

// Two ingesters share the partitions, one is killed in the middle, the other is stopped and another goes on: every row is
// there exactly once.
func TestCopiesShareAndOneIsKilled(t *testing.T) {
	broker := newKafka(t)
	addr, _ := clickhousetest.Start(t)
	db := open(t, addr)
	first := start(t, "--brokers", broker, "--clickhouse", addr)
	second := start(t, "--brokers", broker, "--clickhouse", addr)

	writer := kafka.Writer{Addr: kafka.TCP(broker), Topic: schema.TopicEvents, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: &kafka.Transport{},
		Balancer: kafka.BalancerFunc(func(m kafka.Message, ids ...int) int { return m.Partition % len(ids) })}
	defer func() { require.NoError(t, writer.Close()) }()
	sent := uint64(0)
	send := func(rounds int) {
		for range rounds {
			for partition := range 6 {
				require.NoError(t, writer.WriteMessages(t.Context(), kafka.Message{Partition: partition, Key: []byte("h"), Value: batch(t, uint32(partition), sent/6, 20)}))
			}
			sent += 6 * 20
		}
	}
	const rows = "SELECT count() FROM tcpledger.connections FINAL"
	send(10)
	eventually(t, db, rows, positive)
	send(10)
	require.NoError(t, first.Process.Kill())
	require.Equal(t, -1, first.ends(t))
	send(10)
	eventually(t, db, rows, is(sent)) // the other takes over

	require.NoError(t, second.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, second.ends(t), "a clean stop")
	send(5)
	start(t, "--brokers", broker, "--clickhouse", addr, "--clickhouse-compression=lz4")
	eventually(t, db, rows, is(sent)) // the next goes on
	require.Equal(t, sent, count(t, db, "SELECT uniqExact(stream, seq) FROM tcpledger.connections"))
}

// Started before Kafka and ClickHouse, it waits, says so once, is unhealthy, and goes on when they come.
func TestWaitsForItsParts(t *testing.T) {
	options := clickhousetest.Options(t)
	listen := fmt.Sprintf("127.0.0.1:%d", options.HTTPPort) // free until ClickHouse has it
	options.HTTPPort = clickhousetest.Options(t).HTTPPort
	p := start(t, "--brokers", "127.0.0.1:1", "--clickhouse", fmt.Sprintf("127.0.0.1:%d", options.TCPPort), "--listen", listen)
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + listen + path)
		if err != nil {
			return 0, ""
		}
		defer func() { require.NoError(t, response.Body.Close()) }()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(body)
	}
	require.Eventually(t, func() bool {
		code, body := get("/healthz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "clickhouse")
	}, maxWait, 20*time.Millisecond)
	clickhousetest.StartAt(t, options)
	db := open(t, fmt.Sprintf("127.0.0.1:%d", options.TCPPort))
	eventually(t, db, "SELECT count() FROM tcpledger.migrations FINAL", positive) // it migrates
	require.Eventually(t, func() bool {
		_, body := get("/healthz")
		return strings.Contains(body, `"clickhouse":"ok"`) && !strings.Contains(body, `"kafka":"ok"`)
	}, maxWait, 20*time.Millisecond)
	_, body := get("/metrics")
	for _, metric := range []string{"tcpledger_ingester_rows_total", "tcpledger_ingester_flushes_total", "tcpledger_ingester_insert_seconds", "tcpledger_ingester_dead_letters_total",
		"tcpledger_ingester_commit_errors_total", "tcpledger_ingester_rebalances_total"} {
		require.Contains(t, body, metric)
	}
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
	require.Equal(t, 1, p.said("part=clickhouse err="), "once")
}

// Without --migrate it makes no table, waits for somebody else to, and goes on.
func TestWaitsForMigrations(t *testing.T) {
	addr, _ := clickhousetest.Start(t)
	broker := newKafka(t)
	writer := kafka.Writer{Addr: kafka.TCP(broker), Topic: schema.TopicEvents, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: &kafka.Transport{}}
	defer func() { require.NoError(t, writer.Close()) }()
	require.NoError(t, writer.WriteMessages(t.Context(), kafka.Message{Key: []byte("h"), Value: batch(t, 1, 0, 5)}))
	p := start(t, "--brokers", broker, "--clickhouse", addr, "--migrate=false")
	db := open(t, addr)
	require.Eventually(t, func() bool { return p.said("tcpledger migrate") == 1 }, maxWait, 20*time.Millisecond, "it saw that tables are missing")
	require.Zero(t, count(t, db, "SELECT count() FROM system.databases WHERE name = 'tcpledger'"), "and made none")
	require.NoError(t, db.Migrate(t.Context(), nil))
	eventually(t, db, "SELECT count() FROM tcpledger.connections FINAL", is(5))
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.ends(t))
	require.Equal(t, 1, p.said("tcpledger migrate"), "once")
}

func TestBadSettingsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"--kafka-group="}, {"--group="}, {"--flush-interval=0s"}, {"--flush-rows=0"}, {"--clickhouse=nowhere"}, {"--brokers=nowhere"},
		{"--clickhouse-database=a;b"}, {"--clickhouse-compression=zip"}, {"--no-such-flag"},
	} {
		cmd := rootCommand()
		cmd.SetArgs(append([]string{"--check", "--listen="}, args...))
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		require.Equal(t, 2, program.Main(cmd), args)
	}
	cmd := rootCommand()
	cmd.SetArgs([]string{"--check", "--listen=127.0.0.1:0"})
	require.Equal(t, 0, program.Main(cmd))
}
