// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/bpf"
	"tcpledger/schema"
)

// listEvery is how often, in kernel time, the listeners are asked what they turned away.
const listEvery = uint64(5e9)

// listeners turns what listeners count into events: what each turned away since the last look, and which handshakes came to nothing.
// One with nothing of it makes none.
type listeners struct {
	due     uint64
	resumed bool // an earlier run has told what is there, but not this one: the first look tells nothing
	samples []bpf.ListenerSample
	tallies []tally
	told    map[listenerID]counts // by the last look
	next    map[listenerID]counts // by this one
	cookies *cookies
}

// listenerID names one call of listen(): the kernel uses a socket's memory again.
type listenerID struct{ socket, since uint64 }

// counts are what a listener has counted.
type counts struct {
	turnedAway, aborted, expired, reset uint64
	cookiesAt                           uint32
}

// tally is what a listener counted since the last look.
type tally struct {
	sample *bpf.Listening
	counts
	cookies     bool // it sent SYN cookies
	cookiesSent schema.Optional
}

func (t *tally) empty() bool {
	return t.turnedAway == 0 && t.aborted == 0 && t.expired == 0 && t.reset == 0 && !t.cookies
}

func newListeners(resumed bool) *listeners {
	return &listeners{resumed: resumed, told: map[listenerID]counts{}, next: map[listenerID]counts{}, cookies: newCookies()}
}

// since gives what a listener counted after the last look.
func (l *listeners) since(s *bpf.Listening) tally {
	id := listenerID{s.Socket, s.Since}
	before, known := l.told[id]
	if !known {
		before.cookiesAt = s.CookiesBefore
	}
	now := counts{s.TurnedAway(), s.Aborted, s.Expired, s.Reset, s.CookiesAt}
	if s.Closed == 0 {
		l.next[id] = now
	}
	return tally{sample: s, cookies: now.cookiesAt != before.cookiesAt, counts: counts{
		turnedAway: now.turnedAway - min(now.turnedAway, before.turnedAway), aborted: now.aborted - min(now.aborted, before.aborted),
		expired: now.expired - min(now.expired, before.expired), reset: now.reset - min(now.reset, before.reset),
	}}
}

// look gives what each listener counted since the last look, valid until the next one.
func (l *listeners) look(samples []bpf.ListenerSample) []tally {
	l.tallies = l.tallies[:0]
	for i := range samples {
		l.tallies = append(l.tallies, l.since(&samples[i].Listening))
	}
	l.cookies.look(l.tallies)
	l.told, l.next = l.next, l.told
	clear(l.next)
	return l.tallies
}

// askListeners sends an event for each listener that has something to tell since the last look.
func (p *Pipeline) askListeners() error {
	if p.now < p.listeners.due {
		return nil
	}
	return p.tellListeners(p.now)
}

func (p *Pipeline) tellListeners(at uint64) (err error) {
	l := p.listeners
	l.due = at + listEvery
	if l.samples, err = p.capture.Listeners(l.samples[:0]); err != nil {
		return err
	}
	p.metrics.listeners.Set(float64(len(l.samples)))
	tallies := l.look(l.samples)
	for i := range tallies {
		if l.resumed || tallies[i].empty() {
			continue
		}
		if err := p.sendListener(&tallies[i], at); err != nil {
			return err
		}
	}
	l.resumed = false
	return nil
}

// The ways in which a handshake ends without a connection, as the metrics name them.
const (
	halfOpenExpired = "expired"
	halfOpenReset   = "reset"
)

func (p *Pipeline) sendListener(t *tally, at uint64) error {
	p.metrics.turnedAway.Add(float64(t.turnedAway))
	p.metrics.halfOpen.WithLabelValues(halfOpenExpired).Add(float64(t.expired))
	p.metrics.halfOpen.WithLabelValues(halfOpenReset).Add(float64(t.reset))
	e := &p.event
	p.translate.listener(t.sample, at, e)
	e.TurnedAway, e.Aborted, e.SynCookies, e.CookiesSent = t.turnedAway, t.aborted, flag(t.cookies), t.cookiesSent
	e.HalfOpenExpired, e.HalfOpenReset = t.expired, t.reset
	return p.sendOwn(e, t.sample.Owner.Exe)
}

// listener makes the event of a listener, without what it turned away.
func (t *translator) listener(in *bpf.Listening, at uint64, out *schema.Event) {
	*out = schema.Event{
		Kind:     schema.KindListener,
		Identity: schema.Identity{At: at},
		Socket:   socket(&in.Tuple),
		Owner:    t.owner(&in.Owner),
		State:    schema.StateListen,
		Role:     schema.RoleServer,
		Queued:   in.Queued,
		Backlog:  in.Backlog,
		HalfOpen: in.HalfOpen,
	}
}

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}
