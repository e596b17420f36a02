// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"tcpledger/query"
)

// Bounds of a story.
const (
	MaxStoryLines = 50 // lines that a story has
	MaxThreads    = 5  // connections that a story tells
	maxBeside     = 10 // lines beside a connection
	maxRows       = 40 // rows of one end
	maxCandidates = 10 // other ends of one row
	besideTime    = 5 * time.Minute
)

// Thread is one connection of a story: its row, the row of its other end if exactly one can be that, what both say together as
// seen from Row, and the lines about it.
type Thread struct {
	Row   Row  `json:"row"`
	Other *Row `json:"other_end,omitempty"`
	query.Together
	Resent Resent  `json:"sent_again"`
	Lines  []Match `json:"lines"`
}

// Story is what is known about a text: the lines that have it, and the connections behind them.
type Story struct {
	About   string    `json:"about"`
	Text    string    `json:"text"`
	From    time.Time `json:"from"` // of the window that was looked at
	To      time.Time `json:"to"`
	Partly  bool      `json:"partly,omitempty"` // the time to look was over before the window was
	Absent  string    `json:"absent,omitempty"` // tables of lines that do not exist
	Named   []string  `json:"named,omitempty"`  // ends that the text itself names, if no line has it
	Lines   []Match   `json:"lines"`            // that have the text
	Threads []Thread  `json:"connections"`      // the newest first
	More    int       `json:"further_connections,omitempty"`
}

// Teller collects stories. Budget bounds the time to look for lines; Around is how long before and after a connection's end its other
// end may have ended.
type Teller struct {
	Client *query.Client
	Source *Source
	Reach  Reach
	Budget time.Duration
	Around time.Duration
}

// Tell collects what is known about the text in the window.
func (t *Teller) Tell(ctx context.Context, text string, w query.Window) (*Story, error) {
	asked := Parse(text)
	s := &Story{About: asked.About, Text: asked.Text, From: w.From, To: w.To, Absent: t.Source.Absent}
	if asked.About == AboutEnds {
		return s, t.tellEnds(ctx, s, w, asked.A, asked.B)
	}
	if err := t.tellLines(ctx, s, w, asked); err != nil {
		return nil, err
	}
	if found, _ := endsIn(asked.Text); len(s.Lines) == 0 && len(found) > 0 && len(found) <= 2 {
		for _, e := range found {
			s.Named = append(s.Named, e.String())
		}
		return s, t.tellEnds(ctx, s, w, found[0], append(found, netip.AddrPort{})[1])
	}
	return s, nil
}

// tellLines finds the lines and the connections behind those that fit one connection.
func (t *Teller) tellLines(ctx context.Context, s *Story, w query.Window, asked Asked) error {
	f := Filter{Trace: asked.Trace}
	if asked.About == AboutText {
		f.Text = asked.Text
	}
	part, looked, err := t.Source.Newest(ctx, w, f, t.Budget)
	if err != nil {
		return err
	}
	if !t.Source.Found() {
		return nil
	}
	s.From, s.Partly = looked.From, part.To.IsZero() && looked.From.After(w.From)
	if part.To.IsZero() {
		return nil
	}
	if s.Lines, err = t.Source.Behind(ctx, part, f, t.Reach, MaxStoryLines); err != nil {
		return err
	}
	var order []query.RowID
	threads := map[query.RowID][]Match{}
	for _, m := range s.Lines {
		if !m.Decided() {
			continue
		}
		if threads[m.ID()] == nil {
			order = append(order, m.ID())
		}
		threads[m.ID()] = append(threads[m.ID()], m)
	}
	for _, id := range order {
		lines := threads[id]
		if t.known(s, id, lines) {
			continue
		}
		if len(s.Threads) == MaxThreads {
			s.More++
			continue
		}
		if err := t.thread(ctx, s, &lines[0].Ending, lines); err != nil {
			return err
		}
	}
	return nil
}

// known adds the lines to the thread whose other end they are about, if there is one.
func (t *Teller) known(s *Story, id query.RowID, lines []Match) bool {
	for i := range s.Threads {
		if other := s.Threads[i].Other; other != nil && other.ID() == id {
			s.Threads[i].Lines = append(s.Threads[i].Lines, lines...)
			return true
		}
	}
	return false
}

// thread adds the connection of an ending, with its other end.
func (t *Teller) thread(ctx context.Context, s *Story, e *Ending, lines []Match) error {
	pairs, err := t.Client.EndsOf(ctx, e.ID(), e.ClosedAt, t.Around, maxCandidates)
	if err != nil || len(pairs) == 0 {
		return err
	}
	together, w := pairs[0].Together, query.Window{From: e.ClosedAt, To: e.ClosedAt}
	other := pairs[0].Other
	if together.Candidates == 1 && other.ClosedAt.Before(w.From) {
		w.From = *other.ClosedAt
	} else if together.Candidates == 1 {
		w.To = *other.ClosedAt
	}
	w.To = w.To.Add(time.Microsecond)
	rows, err := Ends(ctx, t.Client, w, e.Client(), netip.AddrPort{}, maxRows)
	if err != nil {
		return err
	}
	if row := withID(rows, e.ID()); row != nil {
		thread := Thread{Row: *row, Together: together, Lines: lines}
		if together.Candidates == 1 {
			thread.Other = withID(rows, other.RowID)
		}
		if thread.Resent, err = t.resent(ctx, &thread); err != nil {
			return err
		}
		s.Threads = append(s.Threads, thread)
	}
	return nil
}

// withID is nil if none of the rows has the id.
func withID(rows []Row, id query.RowID) *Row {
	for i := range rows {
		if rows[i].ID() == id {
			return &rows[i]
		}
	}
	return nil
}

// tellEnds finds the connections of one or two ends and the lines beside them. If no connection has both, one of the ends may be
// translated between the hosts: then those count that have either as their client.
func (t *Teller) tellEnds(ctx context.Context, s *Story, w query.Window, a, b netip.AddrPort) error {
	rows, err := Ends(ctx, t.Client, w, a, b, maxRows)
	if err != nil {
		return err
	}
	for _, client := range []netip.AddrPort{a, b} {
		if !b.IsValid() || len(rows) > 0 {
			break
		}
		of, err := Ends(ctx, t.Client, w, client, netip.AddrPort{}, maxRows)
		if err != nil {
			return err
		}
		for _, row := range of {
			if row.Client() == client {
				rows = append(rows, row)
			}
		}
	}
	for i := range rows {
		if t.known(s, rows[i].ID(), nil) {
			continue
		}
		if len(s.Threads) == MaxThreads {
			s.More++
			continue
		}
		if err := t.thread(ctx, s, &rows[i].Ending, nil); err != nil {
			return err
		}
	}
	for i := range s.Threads {
		if s.Threads[i].Lines, err = t.beside(ctx, &s.Threads[i].Row); err != nil {
			return err
		}
	}
	return nil
}

// beside lists the lines around a connection's end: of its last minutes, or of the time just around its end if those have too many.
func (t *Teller) beside(ctx context.Context, r *Row) ([]Match, error) {
	from := r.Began()
	if earliest := r.ClosedAt.Add(-besideTime); from.Before(earliest) {
		from = earliest
	}
	w := query.Window{From: from.Add(-t.Reach.Lag), To: r.ClosedAt.Add(t.Reach.Lag)}
	lines, err := t.Source.Beside(ctx, w, t.Reach, r.ID(), maxBeside)
	if errors.As(err, new(*TooManyError)) {
		w = query.Window{From: r.ClosedAt.Add(-t.Reach.Near), To: r.ClosedAt.Add(t.Reach.Near)}
		lines, err = t.Source.Beside(ctx, w, t.Reach, r.ID(), maxBeside)
	}
	return lines, err
}
