// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/agent/clock"
	"tcpledger/agent/settle"
	"tcpledger/schema"
)

// mostLosses bounds the spans remembered in which resets were lost. Settle asks about the latest.
const mostLosses = 64

// unseen knows when the ring buffer had no room for resets. An ending whose reset may be among them is not told from one
// that had none.
type unseen struct {
	read func() (uint64, error) // resets lost so far
	lost uint64
	at   uint64 // when that was read
	when []span // when some were lost, oldest first
}

type span struct{ from, to uint64 }

// look reads the counter. What was lost since the last look was lost at any time between.
func (u *unseen) look() error {
	lost, err := u.read()
	if err != nil {
		return err
	}
	now, err := clock.Now()
	if err != nil {
		return err
	}
	if lost != u.lost {
		u.note(span{u.at, now})
	}
	u.lost, u.at = lost, now
	return nil
}

func (u *unseen) note(s span) {
	if n := len(u.when); n > 0 && u.when[n-1].to >= s.from {
		u.when[n-1].to = s.to
		return
	}
	if len(u.when) == mostLosses {
		u.when = append(u.when[:0], u.when[1:]...)
	}
	u.when = append(u.when, s)
}

// after reports whether a reset may have been lost that belongs to an ending at kernel time at.
func (u *unseen) after(at uint64) bool {
	for i := len(u.when) - 1; i >= 0 && u.when[i].to >= at; i-- {
		if u.when[i].from <= at+settle.Window {
			return true
		}
	}
	return false
}

// doubt marks an ending whose reset may have gone unseen.
func (p *Pipeline) doubt(c *schema.Connection) error {
	if c.Flags.Has(schema.FlagResetAfter) {
		return nil
	}
	if p.unseen.at < c.At+settle.Window/2 {
		if err := p.unseen.look(); err != nil {
			return err
		}
	}
	if !p.resetsWatched || p.unseen.after(c.At) {
		c.Flags |= schema.FlagResetUnseen
	}
	return nil
}
