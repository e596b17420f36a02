// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"time"

	"tcpledger/agent/capture"
	"tcpledger/agent/clock"
	"tcpledger/bpf"
	"tcpledger/schema"
)

// scanEvery is how often, in kernel time, the state map is scanned, unless a shorter stay is asked for.
const scanEvery = uint64(10e9)

// lingering finds the sockets that stay past ESTABLISHED for too long. It remembers nothing of them: a stay becomes too long
// at one moment, and each moment lies between the beginnings of two scans. So each stay is told once.
type lingering struct {
	scan  *capture.ConnScan
	after uint64 // nanoseconds; 0: off
	every uint64
	from  uint64 // when the last scan began
	until uint64 // when this one began
	due   uint64
	under bool // a scan is under way
	next  uint64
	own   uint64
}

func newLingering(scan *capture.ConnScan, after time.Duration) *lingering {
	return &lingering{scan: scan, after: uint64(after), every: min(scanEvery, uint64(after))}
}

// lingers reports whether a socket may stay in this state for as long as its application or its peer likes.
func lingers(state uint8) bool {
	switch schema.State(state) {
	case schema.StateCloseWait, schema.StateFinWait1, schema.StateFinWait2, schema.StateLastAck, schema.StateClosing:
		return true
	}
	return false
}

// tooLong picks the stays that became too long since the last scan began, until this one did.
func (l *lingering) tooLong(c *bpf.ConnState) bool {
	since := c.StateAt + l.after
	return lingers(c.State) && since > l.from && since <= l.until
}

// step reads some of the state map at kernel time now, so that the ring buffer does not wait for all of it.
func (l *lingering) step(now uint64, take func(*bpf.ConnState)) (err error) {
	if l.after == 0 || (!l.under && now < l.due) {
		return nil
	}
	if !l.under {
		if l.until, err = clock.Now(); err != nil {
			return err
		}
		l.under = true
	}
	l.under, err = l.scan.Next(func(c *bpf.ConnState) {
		if l.tooLong(c) {
			take(c)
		}
	})
	if !l.under {
		l.from, l.due = l.until, l.until+l.every
	}
	return err
}

// takeLingering gives a stay its number, which nothing of the kernel's has, and hands it on.
func (p *Pipeline) takeLingering(in *bpf.ConnState) {
	l := p.lingering
	if in.Flags&bpf.StateOwn != 0 {
		l.own++
		return
	}
	e := &p.event
	p.translate.lingering(in, l.until, e)
	p.owners.Fill(&e.Owner)
	e.Stream, e.Seq, e.Weight = schema.AgentStream, l.next, 1
	l.next++
	p.gaps.Saw(e.Stream, e.Seq, e.At)
	p.metrics.records[bpf.KindLingering].Inc()
	if err := p.sink.Event(e, p.now); err != nil && p.err == nil {
		p.err = err
	}
}
