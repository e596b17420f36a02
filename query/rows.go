// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Totals counts a window's endings.
type Totals struct {
	Endings        uint64 `ch:"endings" json:"endings"`
	Hosts          uint64 `ch:"hosts" json:"hosts"`
	ResetsSent     uint64 `ch:"resets_sent" json:"resets_sent"`
	ResetsReceived uint64 `ch:"resets_received" json:"resets_received"`
	ClocksOff      uint64 `ch:"clocks_off" json:"clocks_off"` // endings of hosts whose clock was more than an hour off
}

// Group is what every answer counts: endings of one cause, owner, remote or path. MedianUS is nil where every connection
// began before the agent. Groups is how many there are in all, the answer holding the largest.
type Group struct {
	Endings        uint64            `ch:"endings" json:"endings"`
	ResetsSent     uint64            `ch:"resets_sent" json:"resets_sent"`
	ResetsReceived uint64            `ch:"resets_received" json:"resets_received"`
	MedianUS       *float64          `ch:"median_us" json:"median_us"`
	Sent           uint64            `ch:"sent" json:"bytes_sent"`
	Received       uint64            `ch:"received" json:"bytes_received"`
	Causes         map[string]uint64 `ch:"causes" json:"causes"`
	Groups         uint64            `ch:"groups" json:"-"`
}

// CauseCount is how often a cause was seen.
type CauseCount struct {
	Cause string
	Count uint64
}

// TopCauses lists the causes of the group, the most frequent first.
func (g *Group) TopCauses() []CauseCount {
	out := make([]CauseCount, 0, len(g.Causes))
	for cause, n := range g.Causes {
		out = append(out, CauseCount{cause, n})
	}
	slices.SortFunc(out, func(a, b CauseCount) int {
		if a.Count != b.Count {
			return compare(b.Count, a.Count)
		}
		return strings.Compare(a.Cause, b.Cause)
	})
	return out
}

func compare(a, b uint64) int {
	if a < b {
		return -1
	}
	return 1
}

// ByCause is the endings of one cause and who moved first in them.
type ByCause struct {
	Cause   string `ch:"name" json:"cause"`
	Local   uint64 `ch:"local" json:"initiator_local"`
	Peer    uint64 `ch:"peer" json:"initiator_peer"`
	Kernel  uint64 `ch:"kernel" json:"initiator_kernel"`
	Unknown uint64 `ch:"unknown" json:"initiator_unknown"`
	Group
}

// ByOwner is the endings of one owner. Place is its pod, else its container, else its service.
type ByOwner struct {
	Comm  string `ch:"comm" json:"comm"`
	Place string `ch:"place" json:"place"`
	Group
}

// ByRemote is the endings with one remote address and service port, in one role of this side.
type ByRemote struct {
	IP   netip.Addr `ch:"ip" json:"remote_ip"`
	Port uint16     `ch:"port" json:"service_port"`
	Role string     `ch:"side" json:"role"`
	Group
}

// ByPath is the endings of one code path: Symbols are the frames of one of its stacks, innermost first, empty where the
// stack is not known yet. Path 0 is the endings without a stack.
type ByPath struct {
	Path    uint64   `ch:"path" json:"path"`
	StackID uint64   `ch:"stack" json:"stack_id"`
	Symbols []string `ch:"symbols" json:"symbols"`
	Group
}

// Loss is a loss of the window. Kind is numbered (ranges that will never become rows) or unnumbered (totals of what was
// never numbered).
type Loss struct {
	Host    string `ch:"host" json:"host"`
	Kind    string `ch:"kind" json:"kind"`
	Cause   string `ch:"cause" json:"cause"`
	Records uint64 `ch:"records" json:"records"`
}

// Known is how far a host's ledger is known: up to its last checkpoint, which is the zero of Unix time where there is none.
// Phase "end" means that its agent ended in order. Sessions has the first and the last checkpoint of each session that touches
// the window, by their beginning.
type Known struct {
	Host     string        `ch:"host"`
	Last     time.Time     `ch:"last"`
	Phase    string        `ch:"phase"`
	Sessions [][]time.Time `ch:"sessions"`
}

// Span is a time from From to To.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Gaps are the parts of the window before the last checkpoint that no session's checkpoints cover: no agent was there, or it
// died and what it held with it.
func (k Known) Gaps(from, to time.Time) []Span {
	if k.Last.Before(to) {
		to = k.Last
	}
	var gaps []Span
	gap := func(until time.Time) {
		if until.After(from) {
			gaps = append(gaps, Span{From: from, To: until})
		}
	}
	for _, session := range k.Sessions {
		first, last := session[0], session[1]
		gap(first)
		if last.After(from) {
			from = last
		}
	}
	gap(to)
	return gaps
}

// Never reports whether there is no checkpoint of that host.
func (k Known) Never() bool { return k.Last.Unix() <= 0 }

// Ending is one connection that ended. DurationUS is nil where it began before the agent.
type Ending struct {
	ClosedAt   time.Time  `ch:"closed_at"`
	Host       string     `ch:"host"`
	LocalIP    netip.Addr `ch:"local_ip"`
	LocalPort  uint16     `ch:"local_port"`
	RemoteIP   netip.Addr `ch:"remote_ip"`
	RemotePort uint16     `ch:"remote_port"`
	Role       string     `ch:"side"`
	Cause      string     `ch:"cause"`
	Initiator  string     `ch:"initiator"`
	Reset      string     `ch:"reset"`
	Error      string     `ch:"error"`
	Comm       string     `ch:"comm"`
	PID        uint32     `ch:"pid"`
	DurationUS *uint64    `ch:"duration_us"`
	Sent       uint64     `ch:"sent"`
	Received   uint64     `ch:"received"`
}

// Rate is the endings of one cause in the slot that begins at Slot, in Unix seconds.
type Rate struct {
	Slot    int64  `ch:"slot"`
	Cause   string `ch:"cause"`
	Endings uint64 `ch:"endings"`
}
