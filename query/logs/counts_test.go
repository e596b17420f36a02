// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/query/logs"
)

// lines are three errors: one of the connection 40001, one that fits two endings, one that fits none.
var lines = []string{
	"'2026-11-02 14:01:00.01', 'api', 17, 'payment failed', map('host.name','web-1','process.pid','321'), map('client.address','10.0.0.1','client.port','40001','order','1234')",
	"'2026-11-02 14:01:01.15', 'api', 17, 'cache failed', map('host.name','web-1','process.pid','321'), map()",
	"'2026-11-02 14:08:00', 'api', 17, 'no such coupon', map('host.name','web-1','process.pid','321'), map()",
	"'2026-11-02 14:03:00.1', 'tls', 9, 'bye', map('container.id','abcdef'), map()",
}

// The three layouts of the exporter's versions give the same answers.
func checkCountsInEveryLayout(t *testing.T, engine string) {
	for _, version := range []layout{now, old, inJSON} {
		t.Run(string(version[1:len(version)-1]), func(t *testing.T) {
			b := newBench(t, engine, version)
			b.ended(connectionColumns+", service, owner_comm, service_port", withService(connections)...)
			if version == inJSON {
				b.exec(jsonLines(b.database))
			} else {
				b.said(lines...)
			}
			checkCounts(b, version)
		})
	}
}

func withService(rows []string) []string {
	var out []string
	for _, row := range rows {
		out = append(out, row+", '', 'api', 5432")
	}
	return out
}

// jsonLines is the same lines as JSON.
func jsonLines(database string) string {
	return "INSERT INTO " + database + `.otel_logs (Timestamp, ServiceName, SeverityNumber, Body, ResourceAttributes, LogAttributes) VALUES
		('2026-11-02 14:01:00.01', 'api', 17, 'payment failed', '{"host.name":"web-1","process.pid":321}', '{"client.address":"10.0.0.1","client.port":40001,"order":"1234"}'),
		('2026-11-02 14:01:01.15', 'api', 17, 'cache failed', '{"host.name":"web-1","process.pid":321}', '{}'),
		('2026-11-02 14:08:00', 'api', 17, 'no such coupon', '{"host.name":"web-1","process.pid":321}', '{}'),
		('2026-11-02 14:03:00.1', 'tls', 9, 'bye', '{"container.id":"abcdef"}', '{}')`
}

func checkCounts(b *bench, version layout) {
	b.Helper()
	s := b.source()
	explained, err := s.Explained(b.Context(), window, logs.Filter{Errors: true}, logs.DefaultReach, 10)
	require.NoError(b, err)
	require.Equal(b, []logs.Explained{{Service: "api", Lines: 3, One: 1, Several: 1, Unexplained: 1, Hows: map[string]uint64{logs.ByEnds: 1}, Example: "no such coupon"}}, explained)

	byText, err := s.Behind(b.Context(), window, logs.Filter{Text: "1234"}, logs.DefaultReach, 10)
	require.NoError(b, err)
	require.Len(b, byText, 1, "a value of an attribute is found")
	require.True(b, byText[0].Decided())
	if version != now {
		return
	}
	mentioned, err := s.Mentioned(b.Context(), window, logs.Filter{}, logs.DefaultReach, 10)
	require.NoError(b, err)
	require.Equal(b, []logs.Mentioned{
		{Service: "api", Port: 5432, Endings: 4, ByEnds: 2, Unheard: 2},
		{Service: "abcdef", Port: 5432, Endings: 1, ByPlace: 1},
		{Service: "shop/api-7", Port: 5432, Endings: 1, Unheard: 1},
	}, mentioned)
	require.InDelta(b, 0.5, mentioned[0].Share(), 0)

	beside, err := s.Beside(b.Context(), window, logs.DefaultReach, query.RowID{Host: "web-1", Session: 7, Stream: 4, Seq: 1}, 10)
	require.NoError(b, err)
	require.Len(b, beside, 1)
	require.Equal(b, "payment failed", beside[0].Body)
}

// A span is at its end; its error is that of its status.
func checkSpans(t *testing.T, engine string) {
	b := newBench(t, engine, now)
	b.ended(connectionColumns, connections...)
	b.exec("INSERT INTO " + b.database + `.otel_traces (Timestamp, Duration, TraceId, SpanId, SpanName, ServiceName, StatusCode, StatusMessage, SpanAttributes) VALUES
		('2026-11-02 13:59:59', 61500000000, 'aabb', '01', 'POST /pay', 'api', 'Error', 'reset', map('client.address', '10.0.0.1', 'client.port', '40001')),
		('2026-11-02 13:59:58', 1000000000, 'aabb', '02', 'early', 'api', 'Ok', '', map())`)
	found := b.behind(logs.Filter{Trace: "aabb", Errors: true})
	require.Len(t, found, 1)
	require.Equal(t, "span POST /pay: reset 17 ends 500000", fmt.Sprint(found[0].What, " ", found[0].Body, " ", found[0].Severity, " ", found[0].How, " ", found[0].OffUS))
}

func checkAbsentTablesAreSaidOnce(t *testing.T, engine string) {
	b := newBench(t, engine, noLines)
	s := b.source()
	require.False(t, s.Found())
	require.Equal(t, "no table otel_logs and no table otel_traces: nothing is known from there (--otel-logs and --otel-traces name them)", s.Absent)
	found, err := s.Behind(t.Context(), window, logs.Filter{}, logs.DefaultReach, 10)
	require.NoError(t, err)
	require.Empty(t, found)
	_, _, err = s.Newest(t.Context(), window, logs.Filter{}, time.Minute)
	require.NoError(t, err)
	for _, bad := range []string{"a b", "a.b.c", "a`", "'; DROP"} {
		_, err := logs.Open(t.Context(), b.client, logs.Tables{Logs: bad})
		require.ErrorContains(t, err, "is no table", bad)
	}
	s, err = logs.Open(t.Context(), b.client, logs.Tables{Logs: b.database + ".connections"})
	require.NoError(t, err)
	require.False(t, s.Found(), "a table without the columns of lines is none of lines")
}

// A window with too many lines is refused before they are read, and the message says what to do.
func checkTooManyLines(t *testing.T, engine string) {
	b := newBench(t, engine, now)
	b.exec(fmt.Sprintf("INSERT INTO %s.otel_logs (Timestamp, ServiceName, Body) SELECT toDateTime64('2026-11-02 14:00:00', 9) + number %% 600, if(number %% 2 = 0, 'a', 'b'), 'x' FROM numbers(%d)",
		b.database, logs.MaxLines+2))
	_, err := b.source().Explained(t.Context(), window, logs.Filter{}, logs.DefaultReach, 10)
	var many *logs.TooManyError
	require.True(t, errors.As(err, &many), err)
	require.Equal(t, "200002 lines and spans in 10m0s: at most 200000 are matched at a time; take a shorter window, a service, or errors only", err.Error())
	explained, err := b.source().Explained(t.Context(), query.Window{From: window.From, To: window.From.Add(2 * time.Second)}, logs.Filter{Service: "a"}, logs.DefaultReach, 10)
	require.NoError(t, err)
	require.Equal(t, uint64(1), explained[0].Unexplained, "lines that are the same are one")
}

// The newest lines are looked for first, in steps that grow.
func checkNewest(t *testing.T, engine string) {
	b := newBench(t, engine, now)
	b.said("'2026-11-02 05:00:00', 'api', 9, 'an older order 77 of many', map(), map()", "'2026-11-02 13:00:00', 'api', 9, 'order 77', map(), map()", "'2026-11-02 13:00:01', 'api', 9, 'order 77 done', map(), map()")
	day := query.Window{From: window.To.Add(-24 * time.Hour), To: window.To}
	part, looked, err := b.source().Newest(t.Context(), day, logs.Filter{Text: "order 77"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, "13:00:00", part.From.UTC().Format(time.TimeOnly))
	require.Equal(t, "13:00:01.000001", part.To.UTC().Format("15:04:05.000000"))
	require.True(t, looked.From.After(day.From))
	part, _, err = b.source().Newest(t.Context(), day, logs.Filter{Text: "08:12 INFO an older order 77 of many"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, "05:00:00", part.From.UTC().Format(time.TimeOnly), "a line with what a viewer wrote before it")
	_, looked, err = b.source().Newest(t.Context(), day, logs.Filter{Text: "order 7"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, day, looked, "order 7 is not order 77")
	_, looked, err = b.source().Newest(t.Context(), day, logs.Filter{Text: "order 78"}, time.Hour)
	require.NoError(t, err)
	require.Equal(t, day, looked)
}
