// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/bpf"
	"tcpledger/schema"
)

// listEvery is how often, in kernel time, the listeners are asked what they turned away.
const listEvery = uint64(5e9)

// listeners turns what listeners count into events: what each turned away since the last look. One that turns nothing away makes
// none.
type listeners struct {
	due     uint64
	resumed bool // an earlier run has told what is there, but not this one: the first look tells nothing
	samples []bpf.ListenerSample
	told    map[listenerID]listenerTold // by the last look
	next    map[listenerID]listenerTold // by this one
}

// listenerID names one call of listen(): the kernel uses a socket's memory again.
type listenerID struct{ socket, since uint64 }

type listenerTold struct {
	turnedAway, aborted uint64
	cookiesAt           uint32
}

func newListeners(resumed bool) *listeners {
	return &listeners{resumed: resumed, told: map[listenerID]listenerTold{}, next: map[listenerID]listenerTold{}}
}

// since gives what a listener counted after the last look.
func (l *listeners) since(s *bpf.ListenerSample) (turnedAway, aborted uint64, cookies bool) {
	id := listenerID{s.Listening.Socket, s.Listening.Since}
	before, known := l.told[id]
	if !known {
		before.cookiesAt = s.Listening.CookiesBefore
	}
	now := listenerTold{s.Listening.TurnedAway(), s.Listening.Aborted, s.Listening.CookiesAt}
	if s.Listening.Closed == 0 {
		l.next[id] = now
	}
	return now.turnedAway - min(now.turnedAway, before.turnedAway), now.aborted - min(now.aborted, before.aborted), now.cookiesAt != before.cookiesAt
}

// askListeners sends an event for each listener that turned connections away since the last look.
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
	for i := range l.samples {
		s := &l.samples[i]
		turnedAway, aborted, cookies := l.since(s)
		if l.resumed || turnedAway == 0 && aborted == 0 && !cookies {
			continue
		}
		p.metrics.turnedAway.Add(float64(turnedAway))
		e := &p.event
		p.translate.listener(&s.Listening, at, e)
		e.TurnedAway, e.Aborted, e.SynCookies = turnedAway, aborted, flag(cookies)
		if err := p.sendOwn(e, s.Listening.Owner.Exe); err != nil {
			return err
		}
	}
	l.resumed = false
	l.told, l.next = l.next, l.told
	clear(l.next)
	return nil
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
