// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is what an audit says of a session or of all of them.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Complete   Verdict = "complete"      // each promised number is in a table once, or in a loss
	NotKnown   Verdict = "not yet known" // no checkpoint vouches for the end of the window
	Incomplete Verdict = "incomplete"    // a promised number is in no table, in a dead letter only, or held twice
)

// worse gives the worse of two verdicts.
func worse(a, b Verdict) Verdict {
	order := []Verdict{Complete, NotKnown, Incomplete}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// AuditOptions say how an audit looks. Now is the time against which silence is measured. Everywhere reads rows of any time for every
// session; without it that is done for the sessions that are not complete near the window.
type AuditOptions struct {
	Now        time.Time
	Everywhere bool
}

// Audit says whether the tables hold every record of a window exactly once. Sessions are the sessions that were there in the window, the
// worst first. Findings says in sentences what is not as it should be, the worst first. Without a session nothing is known.
type Audit struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Host     string    `json:"host,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Total    Numbers   `json:"total"`
	Findings []Finding `json:"findings"`
	Sessions []Audited `json:"sessions"`
	// Summed is how many whole hours were counted by numbers_1h in place of the rows, which have its count and checksum.
	Summed int `json:"hours_from_numbers_1h,omitempty"`

	absent []string // tables that do not exist
	aged   bool     // rows of the window are older than they are kept
	unread []unread
}

// Numbers counts numbers of records. Promised = Connections + Events - Both + Lost + DeadLetters + Missing.
type Numbers struct {
	Promised    uint64 `ch:"promised" json:"promised"`         // numbers that the checkpoints promise
	Connections uint64 `ch:"connections" json:"connections"`   // promised numbers that connections holds
	Events      uint64 `ch:"events" json:"events"`             // promised numbers that events holds
	Both        uint64 `ch:"both" json:"both"`                 // promised numbers that both hold
	Lost        uint64 `ch:"lost" json:"lost"`                 // promised numbers that only a loss names
	DeadLetters uint64 `ch:"dead_letters" json:"dead_letters"` // promised numbers that only a dead letter names
	Missing     uint64 `ch:"missing" json:"missing"`           // promised numbers that are nowhere
	Twice       uint64 `ch:"twice" json:"twice"`               // how often a promised number is held again
	Replayed    uint64 `ch:"replayed" json:"replayed"`         // rows that were stored again and count once
	Conflicting uint64 `ch:"conflicting" json:"conflicting"`   // promised numbers of which later rows say something else than the one that is shown
	Beyond      uint64 `ch:"beyond" json:"beyond"`             // numbers that the agent never gave, by its last checkpoint
}

func (n *Numbers) add(m *Numbers) {
	n.Promised += m.Promised
	n.Connections += m.Connections
	n.Events += m.Events
	n.Both += m.Both
	n.Lost += m.Lost
	n.DeadLetters += m.DeadLetters
	n.Missing += m.Missing
	n.Twice += m.Twice
	n.Replayed += m.Replayed
	n.Conflicting += m.Conflicting
	n.Beyond += m.Beyond
}

// Held is how many promised numbers are a row or in a loss.
func (n *Numbers) Held() uint64 { return n.Connections + n.Events - n.Both + n.Lost }

// Audited is what an audit says of one session. Since and Until are its first and last checkpoint within a day of the window.
type Audited struct {
	Host    string    `ch:"host" json:"host"`
	BootID  string    `ch:"boot" json:"boot_id"`
	Session uint64    `ch:"session" json:"session,string"`
	Since   time.Time `ch:"since" json:"since"`
	Until   time.Time `ch:"until" json:"until"`
	Ended   bool      `ch:"ended" json:"agent_ended"`
	Verdict Verdict   `ch:"verdict" json:"verdict"`
	Numbers

	heard    time.Time
	falls    uint64 // streams of which an earlier checkpoint promises more than a later one
	missing  []hole
	example  doubled
	conflict string // the first number of the conflicting ones
	known    bool
}

type sessionKey struct {
	host, boot string
	session    uint64
}

type streamKey struct {
	sessionKey
	stream uint32
}

// auditor is one audit at work.
type auditor struct {
	client     *Client
	window     Window
	filter     Filter
	now        time.Time
	everywhere bool
	out        Audit

	all      []checkpointed // every session near the window
	sessions map[sessionKey]*Audited
	promises map[streamKey]*promise
	streams  map[sessionKey][]streamKey // in the order of the answer
	losses   map[streamKey][]span
	dead     map[streamKey][]span
	promised string      // the hours that promises_1h answers, as literals
	hours    []time.Time // that the sums answer, in order
	sums     map[streamKey]*tally
	overlaps bool // a number is in two hours
	shared   []SharedName
}

// Audit counts by the numbers that records have: what the checkpoints around the window promise against what connections, events, loss
// and dead letters hold. A range of numbers costs the same however long it is. It reads the rows near the window once, those of
// sessions that are not complete there at any time.
func (c *Client) Audit(ctx context.Context, w Window, f Filter, o AuditOptions) (*Audit, error) {
	a := &auditor{client: c, window: w, filter: f, now: o.Now, everywhere: o.Everywhere, out: Audit{From: w.From, To: w.To, Host: f.Host},
		sessions: map[sessionKey]*Audited{}, promises: map[streamKey]*promise{}, streams: map[sessionKey][]streamKey{}}
	if a.now.IsZero() {
		a.now = time.Now()
	}
	for _, step := range []func(context.Context) error{a.readTables, a.readSessions, a.readPromised, a.readPromises, a.readRanges, a.readUnread, a.readShared, a.readSums} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.count(ctx, nil); err != nil {
		return nil, err
	}
	if a.overlaps {
		a.hours, a.sums, a.out.Summed = nil, nil, 0
		if err := a.count(ctx, nil); err != nil {
			return nil, err
		}
	}
	if again := a.which(func(s *Audited) bool { return s.Missing+s.DeadLetters > 0 }); len(again) > 0 && !a.everywhere {
		if err := a.count(ctx, again); err != nil {
			return nil, err
		}
	}
	if err := a.readRepeats(ctx); err != nil {
		return nil, err
	}
	a.judge()
	return &a.out, nil
}

// which lists the numbers of the sessions for which is says so, each once.
func (a *auditor) which(is func(*Audited) bool) []uint64 {
	var out []uint64
	for _, s := range a.sessions {
		if is(s) {
			out = append(out, s.Session)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a *auditor) readSessions(ctx context.Context) error {
	for s, err := range stream[checkpointed](ctx, a.client, a.question("sessions", checkpointsSQL, nil)) {
		if err != nil {
			return err
		}
		a.all = append(a.all, *s)
		if s.there(a.window) {
			key := sessionKey{s.Host, s.BootID, s.Session}
			a.sessions[key] = &Audited{Host: s.Host, BootID: s.BootID, Session: s.Session, Since: s.Since, Until: s.Until, Ended: s.Ended,
				heard: s.Heard, known: !s.Until.Before(a.window.To) || s.Ended}
		}
	}
	return nil
}

func (a *auditor) readPromises(ctx context.Context) error {
	for p, err := range stream[promise](ctx, a.client, a.question("promised numbers", promisesSQL, nil)) {
		if err != nil {
			return err
		}
		key := streamKey{sessionKey{p.Host, p.BootID, p.Session}, p.Stream}
		if s := a.sessions[key.sessionKey]; s != nil {
			p.Next = max(p.First, p.Next)
			a.promises[key] = p
			a.streams[key.sessionKey] = append(a.streams[key.sessionKey], key)
			if p.Falls {
				s.falls++
			}
		}
	}
	return nil
}

// readRanges reads the numbers that losses and dead letters name.
func (a *auditor) readRanges(ctx context.Context) (err error) {
	sessions := a.which(func(*Audited) bool { return true })
	if a.losses, err = a.named(ctx, a.question("lost numbers", lossRangesSQL, append([]uint64{}, sessions...))); err != nil {
		return err
	}
	a.dead, err = a.named(ctx, a.question("numbers of dead letters", deadRangesSQL, append([]uint64{}, sessions...)))
	return err
}

func (a *auditor) named(ctx context.Context, q Question) (map[streamKey][]span, error) {
	out := map[streamKey][]span{}
	for r, err := range stream[ranges](ctx, a.client, q) {
		if err != nil {
			return nil, err
		}
		key := streamKey{sessionKey{r.Host, r.BootID, r.Session}, r.Stream}
		if p := a.promises[key]; p != nil {
			out[key] = append(out[key], spans(r.Low, r.High, span{p.First, p.Next})...)
		}
	}
	return out, nil
}

// spans makes spans of ranges whose last number is in them, cut to within.
func spans(lows, highs []uint64, within span) []span {
	var out []span
	for i, low := range lows {
		if low > highs[i] || low >= within.end {
			continue
		}
		end := within.end
		if highs[i] < end {
			end = highs[i] + 1
		}
		out = append(out, span{low, end}.cut(within))
	}
	return out
}

func (a *auditor) readUnread(ctx context.Context) error {
	for u, err := range stream[unread](ctx, a.client, a.question("offsets that were not read", unreadSQL, nil)) {
		if err != nil {
			return err
		}
		a.out.unread = append(a.out.unread, *u)
	}
	return nil
}

func (a *auditor) readShared(ctx context.Context) (err error) {
	a.shared, err = a.client.SharedNames(ctx, a.window, a.filter)
	return err
}

// readRepeats counts the rows that came again, of the sessions that have any.
func (a *auditor) readRepeats(ctx context.Context) error {
	sessions := a.which(func(s *Audited) bool { return s.Replayed > 0 })
	for _, s := range a.sessions {
		s.Replayed = 0
	}
	if len(sessions) == 0 {
		return nil
	}
	for _, t := range rowTables {
		if slices.Contains(a.out.absent, t.name) {
			continue
		}
		sql := strings.ReplaceAll(repeatsSQL, "<said>", t.said)
		q := a.question("rows that came again in "+t.name, a.of(sql, t.name, t.time, sessions), sessions)
		for r, err := range stream[repeat](ctx, a.client, q) {
			if err != nil {
				return err
			}
			s := a.sessions[sessionKey{r.Host, r.BootID, r.Session}]
			if s == nil {
				continue
			}
			s.Twice += r.Twice
			s.Replayed += r.Replayed
			if s.Conflicting += r.Differ; r.Differ > 0 {
				s.conflict = fmt.Sprintf("%s, stream %d number %d", t.name, r.Stream, r.Differs)
			}
			if r.Twice > 0 {
				s.example = doubled{fmt.Sprintf("%s holds stream %d number %d", t.name, r.Stream, r.Seq), true}
			}
		}
	}
	return nil
}

// doubled names a number that is held twice.
type doubled struct {
	text string
	is   bool
}
