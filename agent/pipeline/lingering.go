// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"slices"
	"time"

	"tcpledger/agent/capture"
	"tcpledger/agent/clock"
	"tcpledger/bpf"
	"tcpledger/schema"
)

// scanEvery is how often, in kernel time, the state map is scanned, unless a shorter stay is asked for.
const scanEvery = uint64(10e9)

// lingering finds the sockets that stay past ESTABLISHED for too long. It remembers none of them: a stay becomes too long at
// one moment, and each moment lies between the beginnings of two scans. So each stay is found once.
type lingering struct {
	scan  *capture.ConnScan
	after uint64 // nanoseconds; 0: off
	every uint64
	from  uint64 // when the last scan began
	until uint64 // when this one began
	due   uint64
	under bool   // a scan is under way
	own   uint64 // stays of the agent's own sockets
	now   map[stay]stays
}

// stay is what sockets past ESTABLISHED are counted by.
type stay struct {
	state schema.State
	owner [16]byte
}

// stays counts such sockets, and those of them that linger.
type stays struct{ all, lingering int }

// maxOwners bounds the owners that the gauges name in a state; sockets of further ones count for otherOwners.
const (
	maxOwners   = 256
	otherOwners = "(others)"
)

// count counts a socket that the scan found, if it is past ESTABLISHED.
func (l *lingering) count(c *bpf.ConnState) {
	if !lingers(c.State) || c.Flags&bpf.StateOwn != 0 {
		return
	}
	key := stay{schema.State(c.State), c.Owner.Comm}
	if _, known := l.now[key]; !known && len(l.now) >= maxOwners {
		key.owner = [16]byte{}
		copy(key.owner[:], otherOwners)
	}
	n := l.now[key]
	n.all++
	if c.StateAt+l.after <= l.until {
		n.lingering++
	}
	l.now[key] = n
}

func newLingering(scan *capture.ConnScan, after time.Duration) *lingering {
	return &lingering{scan: scan, after: uint64(after), every: min(scanEvery, uint64(after)), now: map[stay]stays{}}
}

// lingers reports whether a socket may stay in this state for as long as its application or its peer likes.
func lingers(state uint8) bool {
	switch schema.State(state) {
	case schema.StateCloseWait, schema.StateFinWait1, schema.StateFinWait2, schema.StateLastAck, schema.StateClosing:
		return true
	}
	return false
}

// tooLong reports whether a stay became too long after the last scan began, and before this one did.
func (l *lingering) tooLong(c *bpf.ConnState) bool {
	since := c.StateAt + l.after
	return lingers(c.State) && since > l.from && since <= l.until
}

// step scans a part of the state map at kernel time now, so that the ring buffer does not wait for all of it. It gives the
// sockets that stay too long, valid until the next step.
func (l *lingering) step(now uint64) (found []bpf.ConnState, err error) {
	if l.after == 0 || (!l.under && now < l.due) {
		return nil, nil
	}
	if !l.under {
		if l.until, err = clock.Now(); err != nil {
			return nil, err
		}
	}
	found, l.under, err = l.scan.Next()
	for i := range found {
		l.count(&found[i])
	}
	found = slices.DeleteFunc(found, func(c bpf.ConnState) bool { return !l.tooLong(&c) })
	if !l.under {
		l.from, l.due = l.until, l.until+l.every
	}
	return found, err
}

// scanLingering sends an event for each socket that stays too long.
func (p *Pipeline) scanLingering() error {
	l := p.lingering
	due := l.due
	found, err := l.step(p.now)
	if l.due != due && err == nil { // the scan is over
		p.showStays()
	}
	for i := range found {
		if found[i].Flags&bpf.StateOwn != 0 {
			l.own++
			continue
		}
		e := &p.event
		p.translate.lingering(&found[i], l.until, e)
		if err := p.sendOwn(e, found[i].Owner.Exe); err != nil {
			return err
		}
	}
	return err
}

// showStays sets the gauges to what the last scan found.
func (p *Pipeline) showStays() {
	p.metrics.stays.Reset()
	p.metrics.lingering.Reset()
	for key, n := range p.lingering.now {
		state, owner := key.state.String(), p.translate.comm(key.owner)
		p.metrics.stays.WithLabelValues(state, owner).Add(float64(n.all))
		p.metrics.lingering.WithLabelValues(state, owner).Add(float64(n.lingering))
	}
	clear(p.lingering.now)
}
