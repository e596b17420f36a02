// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"tcpledger/query"
)

// Line is a log line or a span. Severity is OpenTelemetry's number: 17 and more are errors.
type Line struct {
	What     string    `ch:"what" json:"what"` // log or span
	At       time.Time `ch:"at" json:"at"`     // of a span: its end
	Service  string    `ch:"service" json:"service"`
	Severity int32     `ch:"severity" json:"severity"`
	Body     string    `ch:"body" json:"body"`
	TraceID  string    `ch:"trace_id" json:"trace_id,omitempty"`
	SpanID   string    `ch:"span_id" json:"span_id,omitempty"`
	From     string    `ch:"line_host" json:"line_host,omitempty"`
	PID      uint32    `ch:"line_pid" json:"line_pid,omitempty"`
}

// Ending is the row of a connection, as far as a match shows it.
type Ending struct {
	Host       string     `ch:"host" json:"host"`
	Session    uint64     `ch:"session" json:"session"`
	Stream     uint32     `ch:"stream" json:"stream"`
	Seq        uint64     `ch:"seq" json:"seq"`
	ClosedAt   time.Time  `ch:"closed_at" json:"closed_at"`
	OpenedAt   time.Time  `ch:"opened_at" json:"opened_at"` // 1970 if it began before the agent
	LocalIP    netip.Addr `ch:"local_ip" json:"local_ip"`
	LocalPort  uint16     `ch:"local_port" json:"local_port"`
	RemoteIP   netip.Addr `ch:"remote_ip" json:"remote_ip"`
	RemotePort uint16     `ch:"remote_port" json:"remote_port"`
	Role       string     `ch:"side" json:"role"`
	Cause      string     `ch:"cause" json:"cause"`
	Initiator  string     `ch:"initiator" json:"initiator"`
	Reset      string     `ch:"reset" json:"reset"`
	Error      string     `ch:"error" json:"error"`
	Comm       string     `ch:"comm" json:"owner_comm"`
	OwnerPID   uint32     `ch:"owner_pid" json:"owner_pid"`
}

// Match is a line and what is behind it. Relation is own, or upstream for a connection that a proxy opened. If Candidates is 1 the
// ending is the one; if it is more, the ending is the nearest of so many and none is chosen; if it is 0 there is none. OffUS is how
// far the line is from the connection's life in microseconds if How is ends (0 during it), else from its end; negative before.
type Match struct {
	Line
	Relation   string `ch:"relation" json:"relation"`
	How        string `ch:"how" json:"how"`
	Candidates uint64 `ch:"candidates" json:"candidates"`
	OffUS      int64  `ch:"off_us" json:"off_us"`
	Ending
}

// Decided reports whether exactly one connection is behind the line.
func (m *Match) Decided() bool { return m.Candidates == 1 }

// lineColumns and endingColumns are the columns of Line and of Ending.
const (
	lineColumns = `what, fromUnixTimestamp64Micro(at_us, 'UTC') AS at, service, severity, body, trace_id, span_id, host AS line_host, pid AS line_pid`

	endingColumns = `best.2 AS host, best.3 AS session, best.4 AS stream, best.5 AS seq,
    fromUnixTimestamp64Micro(best.1, 'UTC') AS closed_at, fromUnixTimestamp64Micro(best.6, 'UTC') AS opened_at,
    best.7 AS local_ip, best.8 AS local_port, best.9 AS remote_ip, best.10 AS remote_port, best.11 AS side,
    best.12 AS cause, best.13 AS initiator, best.14 AS reset, best.15 AS error, best.16 AS comm, best.17 AS owner_pid`
)

// matches are the columns of Match from the table matched.
const matches = lineColumns + `, relation, how, candidates, off_us,
    ` + endingColumns

// BehindQuestion is the question of Behind.
func (s *Source) BehindQuestion(w query.Window, f Filter, r Reach, top int) query.Question {
	return query.Question{Name: "connections behind lines", SQL: fmt.Sprintf(`%s
SELECT %s
FROM matched
ORDER BY at_us, service, body, relation
LIMIT %d`, s.matchedSQL(f), matches, top), Parameters: r.parameters(f, w)}
}

// Behind lists the lines of the window with the connections behind them, in the order of time, at most top. A line of a proxy stands
// once for each connection that it speaks of.
func (s *Source) Behind(ctx context.Context, w query.Window, f Filter, r Reach, top int) ([]Match, error) {
	return asked[Match](ctx, s, w, f, s.BehindQuestion(w, f, r, top))
}

// ID names the ending's row.
func (e *Ending) ID() query.RowID {
	return query.RowID{Host: e.Host, Session: e.Session, Stream: e.Stream, Seq: e.Seq}
}

// BesideQuestion is the question of Beside.
func (s *Source) BesideQuestion(w query.Window, r Reach, id query.RowID, top int) query.Question {
	q := query.Question{Name: "lines beside a connection", SQL: fmt.Sprintf(`%s
SELECT %s
FROM matched
WHERE has(ids, ({end_host:String}, {end_session:UInt64}, {end_stream:UInt32}, {end_seq:UInt64}))
ORDER BY at_us, service, body, relation
LIMIT %d`, s.matchedSQL(Filter{}), matches, top), Parameters: r.parameters(Filter{}, w)}
	q.Parameters["end_host"] = query.TextParameter(id.Host)
	q.Parameters["end_session"], q.Parameters["end_stream"], q.Parameters["end_seq"] = fmt.Sprint(id.Session), fmt.Sprint(id.Stream), fmt.Sprint(id.Seq)
	return q
}

// Beside lists the lines of the window that are matched with the connection, in the order of time, at most top: the ones that name it,
// also if they fit others too, and those of its place that fit no other.
func (s *Source) Beside(ctx context.Context, w query.Window, r Reach, id query.RowID, top int) ([]Match, error) {
	return asked[Match](ctx, s, w, Filter{}, s.BesideQuestion(w, r, id, top))
}
