// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"slices"
)

// hole is a run of missing numbers of a stream: Whole if nothing of the stream's promise is held, Tail if it reaches the end of it.
type hole struct {
	stream      uint32
	low, end    uint64
	whole, tail bool
}

// maxHoles bounds how many holes of a session an audit remembers; their numbers are tally all the same.
const maxHoles = 1000

// tally is what the rows say of one stream so far.
type tally struct {
	connections, events, repeated, beyond uint64
	rows                                  []span
}

func (c *tally) add(r *chunk, within span) {
	c.connections += r.Connections
	c.events += r.Events
	c.repeated += r.Repeated
	c.beyond += r.Beyond
	for _, s := range spans(r.Low, r.High, within) {
		if last := len(c.rows) - 1; last >= 0 && c.rows[last].end == s.low {
			c.rows[last].end = s.end
			continue
		}
		c.rows = append(c.rows, s)
	}
}

// count reads the rows and puts them against the promises: of the sessions given, at any time, or of all, near the window.
func (a *auditor) count(ctx context.Context, sessions []uint64) error {
	left := map[sessionKey]bool{}
	for key, s := range a.sessions {
		if sessions == nil || slices.Contains(sessions, s.Session) {
			s.Numbers, s.missing = Numbers{}, nil
			left[key] = true
		}
	}
	done := map[streamKey]bool{}
	finish := func(key streamKey, c *tally) {
		if left[key.sessionKey] && a.promises[key] != nil {
			done[key] = true
			if sessions == nil && c.plus(a.sums[key]) {
				a.overlaps = true
			}
			a.settle(key, c)
		}
	}
	var at streamKey
	var c tally
	for r, err := range a.chunks(ctx, sessions) {
		if err != nil {
			return err
		}
		key := streamKey{sessionKey{r.Host, r.BootID, r.Session}, r.Stream}
		if key != at {
			finish(at, &c)
			at, c = key, tally{}
		}
		if p := a.promises[key]; p != nil {
			c.add(r, span{p.First, p.Next})
		}
	}
	finish(at, &c)
	for key := range left {
		for _, of := range a.streams[key] {
			if !done[of] {
				finish(of, &tally{})
			}
		}
	}
	return nil
}

// settle puts what is held of a stream against what is promised of it.
func (a *auditor) settle(key streamKey, c *tally) {
	s, p := a.sessions[key.sessionKey], a.promises[key]
	within := span{p.First, p.Next}
	lost, lostAgain := union(cutAll(a.losses[key], within))
	held, heldAgain := union(append(slices.Clone(c.rows), lost...))
	all, _ := union(append(slices.Clone(held), cutAll(a.dead[key], within)...))
	n := Numbers{Promised: within.length(), Connections: c.connections, Events: c.events, Replayed: c.repeated}
	rows := count(c.rows)
	n.Both = c.connections + c.events - rows
	n.Lost = count(held) - rows
	n.DeadLetters = count(all) - count(held)
	n.Missing = n.Promised - count(all)
	n.Twice = n.Both + lostAgain + heldAgain
	if s.Ended {
		n.Beyond = c.beyond
	}
	s.add(&n)
	switch {
	case heldAgain > 0:
		s.example = doubled{fmt.Sprintf("stream %d has numbers that are rows and in a loss too", key.stream), true}
	case lostAgain > 0:
		s.example = doubled{fmt.Sprintf("stream %d has numbers that two losses name", key.stream), true}
	case n.Both > 0:
		s.example = doubled{fmt.Sprintf("stream %d has numbers that are in connections and in events", key.stream), true}
	}
	for _, h := range holes(within, all) {
		if len(s.missing) < maxHoles {
			s.missing = append(s.missing, hole{key.stream, h.low, h.end, h == within, h.end == within.end})
		}
	}
}
