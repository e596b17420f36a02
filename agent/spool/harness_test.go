// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/internal/text"
	"tcpledger/schema"
	"tcpledger/test/logged"
)

const (
	host = "web-1"
	boot = "6f1c9a3e-0000-4000-8000-000000000001"
)

func config(dir string, limit int64, log io.Writer) Config {
	return Config{Limits: Limits{Dir: dir, Bytes: text.Size(limit)}, Host: host, Log: slog.New(slog.NewTextHandler(log, nil)),
		Registry: prometheus.NewRegistry()}
}

// open opens a queue alone, with the limit for itself. The test's end closes it.
func open(t testing.TB, dir string, limit int64) (*Queue, *logged.Text) {
	t.Helper()
	log := &logged.Text{}
	c := config(dir, limit, log)
	q, err := openQueue(&c, schema.TopicEvents, limit, newMetrics(c.Registry))
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.close() }) // some tests close it themselves
	return q, log
}

// crash gives up what the process holds, as SIGKILL does: the files stay as they are.
func crash(t testing.TB, q *Queue) {
	t.Helper()
	for _, f := range []*os.File{q.active, q.cursor, q.reader.file} {
		if f != nil {
			require.NoError(t, f.Close())
		}
	}
	q.active, q.reader.file, q.dirty = nil, nil, false
}

// batch is a message with these numbers of a session's stream; each row pads it.
func batch(t testing.TB, session uint64, stream uint32, from, to uint64) message.Message {
	t.Helper()
	e := schema.NewBatchEncoder()
	for seq := from; seq <= to; seq++ {
		e.AddEvent(&schema.Event{Kind: schema.KindError, Identity: schema.Identity{Stream: stream, Seq: seq, At: seq, Weight: 1},
			Reason: strings.Repeat("x", 100)})
	}
	return finish(t, e, session, from)
}

func finish(t testing.TB, e *schema.BatchEncoder, session, at uint64) message.Message {
	m := message.Message{Topic: schema.TopicEvents, Key: []byte(host), Records: e.Records(), At: at}
	var err error
	m.Value, m.Ranges, err = e.Finish(&schema.Header{Host: host, BootID: boot, Session: session, Run: session, Number: 1,
		Clock: schema.Clock{Offset: 1e18}})
	require.NoError(t, err)
	return m
}

// read gives everything that is in the queue, as Kafka would get it.
func read(t testing.TB, q *Queue) []message.Message {
	t.Helper()
	var all []message.Message
	for {
		got, err := q.Peek(1 << 20)
		require.NoError(t, err)
		if len(got) == 0 {
			return all
		}
		ok, err := q.Trying()
		require.NoError(t, err)
		require.True(t, ok)
		all = append(all, got...)
		require.NoError(t, q.Done(len(got)))
	}
}

func segmentsOf(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, schema.TopicEvents, "*"+ending))
	require.NoError(t, err)
	return files
}

// account says of every number how often it came in a row, and how often in a loss range.
type account map[number]*seen

type number struct {
	session uint64
	stream  uint32
	seq     uint64
}

type seen struct {
	rows, lost int
	cause      string
}

func (a account) of(n number) *seen {
	if a[n] == nil {
		a[n] = &seen{}
	}
	return a[n]
}

func (a account) add(t testing.TB, messages ...message.Message) {
	t.Helper()
	var b schema.Batch
	for _, m := range messages {
		require.Equal(t, host, string(m.Key))
		require.NoError(t, schema.NewBatchDecoder().Decode(m.Value, &b))
		require.Equal(t, host, b.Host)
		for _, e := range b.Events {
			a.of(number{b.Session, e.Stream, e.Seq}).rows++
		}
		for _, l := range b.Losses {
			for seq := l.SeqFrom; seq <= l.SeqTo; seq++ {
				s := a.of(number{b.Session, l.Stream, seq})
				s.lost++
				s.cause = l.Cause
			}
		}
	}
}
