// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/prometheus/procfs"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// cookies counts SYN cookies. The kernel counts them for a network namespace, and says of a listener only when it last sent one: the
// count is a listener's if no other one of its namespace sent any since the last look.
type cookies struct {
	sent    map[netNS]schema.Optional // SyncookiesSent of each namespace at the last look, absent if it could not be read
	next    map[netNS]schema.Optional // at this one
	inside  map[netNS]uint32          // a process in each namespace, 0 if none is known
	senders map[netNS][]*tally        // the listeners that sent some since the last look
}

// netNS names a network namespace. The cookie is 0 on a kernel that has none.
type netNS struct {
	inode  uint32
	cookie uint64
}

func newCookies() *cookies {
	return &cookies{sent: map[netNS]schema.Optional{}, next: map[netNS]schema.Optional{}, inside: map[netNS]uint32{}, senders: map[netNS][]*tally{}}
}

func namespaceOf(l *bpf.Listening) netNS { return netNS{l.Tuple.NetNS, l.Tuple.NetNSCookie} }

// look gives each listener that sent cookies its count.
func (c *cookies) look(all []tally) {
	for i := range all {
		l := &all[i]
		ns := namespaceOf(l.sample)
		if c.inside[ns] == 0 {
			c.inside[ns] = l.sample.Inside
		}
		if l.cookies {
			c.senders[ns] = append(c.senders[ns], l)
		}
	}
	for ns, pid := range c.inside {
		before := c.sent[ns]
		if before.Known && len(c.senders[ns]) == 0 {
			c.next[ns] = before
			continue
		}
		now := syncookiesSent(pid)
		c.next[ns] = now
		if before.Known && now.Known && now.Value > before.Value {
			share(c.senders[ns], now.Value-before.Value)
		}
	}
	c.sent, c.next = c.next, c.sent
	clear(c.next)
	clear(c.inside)
	clear(c.senders)
}

// syncookiesSent is the counter of the network namespace that a process is in; absent if /proc shows none of it.
func syncookiesSent(pid uint32) schema.Optional {
	if pid == 0 {
		return schema.Optional{}
	}
	process, err := procfs.NewProc(int(pid))
	if err != nil {
		return schema.Optional{} // it has ended, or /proc hides it
	}
	counters, err := process.Netstat()
	if err != nil || counters.SyncookiesSent == nil {
		return schema.Optional{}
	}
	return schema.Some(uint64(*counters.SyncookiesSent))
}

// share gives the cookies of a namespace to its only sender. Of several on one address and port (SO_REUSEPORT) the first has those of all.
func share(senders []*tally, sent uint64) {
	at := func(l *tally) bpf.Tuple {
		return bpf.Tuple{LocalIP: l.sample.Tuple.LocalIP, LocalPort: l.sample.Tuple.LocalPort}
	}
	for _, l := range senders {
		if at(l) != at(senders[0]) {
			return
		}
	}
	for i, l := range senders {
		l.cookiesSent = schema.Some(0)
		if i == 0 {
			l.cookiesSent = schema.Some(sent)
		}
	}
}
