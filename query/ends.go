// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"time"
)

// DefaultAround is how long before and after a window the other ends of its connections are looked for.
const DefaultAround = 10 * time.Minute

// MaxAround bounds that time: a keepalive ends a connection by default 2 hours and 11 minutes after its other end is gone.
const MaxAround = 24 * time.Hour

// What the view both_ends says of a pair.
const (
	ByClientAddress   = "client address"   // in FoundBy: an address was translated between the ends
	ByTranslatedTuple = "translated tuple" // in FoundBy: connection tracking of an end's host knew the translation

	FirstThis  = "this" // in First
	FirstOther = "other"
)

// RowID names a connection's row. The identity has the boot too; a session has only one.
type RowID struct {
	Host    string `json:"host"`
	Session uint64 `json:"session"`
	Stream  uint32 `json:"stream"`
	Seq     uint64 `json:"seq"`
}

// End is one of the two ends of a connection. Without a row it has a host at most.
type End struct {
	RowID
	ClosedAt  *time.Time `json:"closed_at"` // nil if the end is not known
	Local     string     `json:"local"`     // as 10.0.0.1:443
	Remote    string     `json:"remote"`
	Owner     string     `json:"owner"`
	Cause     string     `json:"cause"`
	Initiator string     `json:"initiator"`
	Reset     string     `json:"reset"`
	Error     string     `json:"error"`
}

// Pair is a connection that ended, This, with its Other end. Each candidate makes a Pair of its own.
type Pair struct {
	This  End    `json:"this"`
	Other End    `json:"other"`
	Role  string `json:"role"`
	Together
}

// Together is what the rows of both ends say. First says which of them moved first: this, other, cannot tell, or nothing without
// exactly one candidate. Verdict says it in words; Between says that neither end did it. ApartUS is how long after this end the
// other one ended, nil without one, right within ErrorUS.
type Together struct {
	Candidates uint64 `json:"candidates"`
	FoundBy    string `json:"found_by"` // tuple, ByTranslatedTuple, ByClientAddress, or nothing
	First      string `json:"first"`
	ApartUS    *int64 `json:"apart_us"`
	ErrorUS    uint64 `json:"apart_error_us"`
	Verdict    string `json:"verdict"`
	Between    bool   `json:"between"`
}

// pairRow is a row of the view both_ends.
type pairRow struct {
	ClosedAt        time.Time  `ch:"closed_at"`
	Host            string     `ch:"host"`
	Session         uint64     `ch:"session"`
	Stream          uint32     `ch:"stream"`
	Seq             uint64     `ch:"seq"`
	Role            string     `ch:"role"`
	LocalIP         netip.Addr `ch:"local_ip"`
	LocalPort       uint16     `ch:"local_port"`
	RemoteIP        netip.Addr `ch:"remote_ip"`
	RemotePort      uint16     `ch:"remote_port"`
	Owner           string     `ch:"owner_comm"`
	Cause           string     `ch:"cause"`
	Initiator       string     `ch:"initiator"`
	Reset           string     `ch:"reset"`
	Error           string     `ch:"error"`
	OtherClosedAt   *time.Time `ch:"other_closed_at"`
	OtherHost       string     `ch:"other_host"`
	OtherSession    uint64     `ch:"other_session"`
	OtherStream     uint32     `ch:"other_stream"`
	OtherSeq        uint64     `ch:"other_seq"`
	OtherLocalIP    netip.Addr `ch:"other_local_ip"`
	OtherLocalPort  uint16     `ch:"other_local_port"`
	OtherRemoteIP   netip.Addr `ch:"other_remote_ip"`
	OtherRemotePort uint16     `ch:"other_remote_port"`
	OtherOwner      string     `ch:"other_owner_comm"`
	OtherCause      string     `ch:"other_cause"`
	OtherInitiator  string     `ch:"other_initiator"`
	OtherReset      string     `ch:"other_reset"`
	OtherError      string     `ch:"other_error"`
	Candidates      uint64     `ch:"candidates"`
	FoundBy         string     `ch:"found_by"`
	First           string     `ch:"first"`
	ApartUS         *int64     `ch:"apart_us"`
	ErrorUS         uint64     `ch:"apart_error_us"`
	Verdict         string     `ch:"verdict"`
	Between         bool       `ch:"between"`
}

func (r *pairRow) pair() Pair {
	p := Pair{
		This: End{RowID{r.Host, r.Session, r.Stream, r.Seq}, &r.ClosedAt, endpoint(r.LocalIP, r.LocalPort), endpoint(r.RemoteIP, r.RemotePort), r.Owner, r.Cause, r.Initiator, r.Reset, r.Error},
		Role: r.Role, Together: Together{r.Candidates, r.FoundBy, r.First, r.ApartUS, r.ErrorUS, r.Verdict, r.Between},
	}
	p.Other.Host = r.OtherHost
	if r.Candidates > 0 {
		p.Other = End{RowID{r.OtherHost, r.OtherSession, r.OtherStream, r.OtherSeq}, r.OtherClosedAt, endpoint(r.OtherLocalIP, r.OtherLocalPort), endpoint(r.OtherRemoteIP, r.OtherRemotePort),
			r.OtherOwner, r.OtherCause, r.OtherInitiator, r.OtherReset, r.OtherError}
	}
	return p
}

func endpoint(ip netip.Addr, port uint16) string {
	return netip.AddrPortFrom(ip.Unmap(), port).String()
}

// bothEnds is the view that has the ends of the window, as FROM takes it, and its parameters.
func (c *Client) bothEnds(view string, w Window, around time.Duration) (from string, parameters map[string]string) {
	parameters = w.parameters()
	parameters["around"] = fmt.Sprint(int(around.Seconds()))
	return c.table(view) + "(from = " + paramFrom + ", to = " + paramTo + ", around = {around:UInt32})", parameters
}

// pairs asks a view of pairs for those that fulfil where, the oldest first.
func (c *Client) pairs(ctx context.Context, name, view string, w Window, where *condition, around time.Duration, top int) ([]Pair, error) {
	from, parameters := c.bothEnds(view, w, around)
	maps.Copy(parameters, where.parameters)
	rows, err := ask[pairRow](ctx, c, Question{name, fmt.Sprintf(`SELECT closed_at, toString(host) AS host, session, stream, seq, toString(role) AS role, local_ip, local_port, remote_ip, remote_port,
    toString(owner_comm) AS owner_comm, toString(cause) AS cause, toString(initiator) AS initiator, toString(reset) AS reset, toString(error) AS error,
    other_closed_at, toString(other_host) AS other_host, other_session, other_stream, other_seq, other_local_ip, other_local_port, other_remote_ip, other_remote_port,
    other_owner_comm, other_cause, other_initiator, other_reset, other_error,
    candidates, found_by, first, apart_us, apart_error_us, verdict, between
FROM %s
WHERE %s
ORDER BY closed_at, host, session, stream, seq, other_host, other_session, other_stream, other_seq
LIMIT %d`, from, where, top), parameters})
	var out []Pair
	for i := range rows {
		out = append(out, rows[i].pair())
	}
	return out, err
}

// BothEnds lists connections that ended in the window, each with its other end, the oldest first, at most top of them. The other
// end may have ended so long before or after the window as around says, in whole seconds.
func (c *Client) BothEnds(ctx context.Context, w Window, f Filter, around time.Duration, top int) ([]Pair, error) {
	return c.pairs(ctx, "both ends", "both_ends", w, f.endings(w), around, top)
}

// EndsOf lists the row of a connection that ended at that time with each candidate for its other end, at most top.
func (c *Client) EndsOf(ctx context.Context, row RowID, closed time.Time, around time.Duration, top int) ([]Pair, error) {
	w := Window{closed, closed.Add(time.Microsecond)}
	where := Filter{Host: row.Host}.endings(w)
	where.add("session = {session:UInt64}", "session", fmt.Sprint(row.Session))
	where.add("stream = {stream:UInt32}", "stream", fmt.Sprint(row.Stream))
	where.add("seq = {seq:UInt64}", "seq", fmt.Sprint(row.Seq))
	return c.pairs(ctx, "both ends of a connection", "both_ends", w, where, around, top)
}

// ResetsBetween lists the connections whose reset, or end, came from neither end: something between them made it.
func (c *Client) ResetsBetween(ctx context.Context, w Window, f Filter, around time.Duration, top int) ([]Pair, error) {
	return c.pairs(ctx, "resets that no end sent", "resets_between", w, f.endings(w), around, top)
}

// PairGroup is the connections of which both ends say the same together.
type PairGroup struct {
	Verdict    string `ch:"verdict" json:"verdict"`
	Endings    uint64 `ch:"endings" json:"endings"`
	This       uint64 `ch:"this" json:"first_this"` // of them, those in which this end moved first
	Other      uint64 `ch:"other" json:"first_other"`
	CannotTell uint64 `ch:"cannot_tell" json:"first_cannot_tell"`
	Between    bool   `ch:"between" json:"between"`
	Groups     uint64 `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// PairVerdicts counts the endings of the window by what both ends say together, the top most frequent. Each ending of the window
// counts once, so that a connection of which both ends are in the window counts twice.
func (c *Client) PairVerdicts(ctx context.Context, w Window, f Filter, around time.Duration, top int) ([]PairGroup, error) {
	from, parameters := c.bothEnds("both_ends", w, around)
	where := f.endings(w)
	maps.Copy(parameters, where.parameters)
	return ask[PairGroup](ctx, c, Question{"endings by both ends", fmt.Sprintf(`SELECT verdict, uniqExact(host, boot_id, session, stream, seq) AS endings,
    countIf(first = 'this') AS this, countIf(first = 'other') AS other, countIf(first = 'cannot tell') AS cannot_tell,
    max(between) AS between, count() OVER () AS groups
FROM %s
WHERE %s
GROUP BY verdict
ORDER BY endings DESC, verdict
LIMIT %d`, from, where, top), parameters})
}
