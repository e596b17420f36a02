// SPDX-License-Identifier: Apache-2.0

package print

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// unknown is printed for a value that is not known.
const unknown = "-"

// tcpFlags are the header's flag bits from the lowest, as tcpdump abbreviates them.
const tcpFlags = "FSRP.UEW"

// endpoint gives "10.0.0.1:80" or "[2001:db8::1]:80".
func endpoint(ip netip.Addr, port uint16) string {
	if !ip.IsValid() {
		return unknown
	}
	return netip.AddrPortFrom(ip, port).String()
}

// size gives bytes, without a space: a line has one word a column.
func size(n uint64) string { return oneWord(text.Bytes(n)) }

func oneWord(s string) string { return strings.ReplaceAll(s, " ", "") }

// lifetime gives how long the connection was, "-" if it began before the agent.
func lifetime(c *schema.Connection) string {
	if !c.OpenedAt.Known || c.OpenedAt.Value > c.At {
		return unknown
	}
	return duration(time.Duration(c.At - c.OpenedAt.Value))
}

// duration gives about three digits, without a space.
func duration(d time.Duration) string { return oneWord(text.Duration(d)) }

// connectionDetail is printed behind the cause: the error, the reset with the kernel's reason, the data that never arrived.
func connectionDetail(c *schema.Connection, v schema.Verdict) string {
	var parts []string
	if name := schema.ErrnoName(c.EndError()); name != "" {
		parts = append(parts, name)
	}
	if v.Reset != schema.ResetNone {
		parts = append(parts, joined("reset "+string(v.Reset), text.Printable(c.ResetReason)))
	}
	for _, left := range []struct {
		what string
		n    uint32
	}{{"unsent", c.BytesUnsent()}, {"unacked", unacked(c)}, {"unread", c.BytesUnread(c.Flags.Has(schema.FlagFinReceived))}} {
		if left.n > 0 {
			parts = append(parts, size(uint64(left.n))+" "+left.what)
		}
	}
	if c.Retransmits > 0 {
		parts = append(parts, fmt.Sprintf("%d retransmits", c.Retransmits))
	}
	if by := opener(c); by != "" {
		parts = append(parts, by)
	}
	return strings.Join(append(parts, weight(c.Weight)...), ", ")
}

// opener says who used the socket before its owner, "" if nobody else did. On the server's side that is the first that read, wrote or closed.
func opener(c *schema.Connection) string {
	o := &c.Opener
	if o.How == schema.OwnerUnknown || o.PID == c.Owner.PID && o.Comm == c.Owner.Comm {
		return ""
	}
	by := "first used by "
	if o.How == schema.OwnerConnect {
		by = "opened by "
	}
	return by + joined(text.Printable(o.Comm), fmt.Sprint(o.PID))
}

// unacked leaves out a SYN or FIN in flight, which counts as a byte.
func unacked(c *schema.Connection) uint32 {
	n := c.BytesUnacked()
	if n > 0 && c.LastState != schema.StateEstablished && c.LastState != schema.StateCloseWait {
		n--
	}
	return n
}

// eventDetail is printed behind the kind of an event.
func eventDetail(e *schema.Event) string {
	var parts []string
	for _, part := range []string{text.Printable(e.Reason), schema.ErrnoName(e.Error)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Kind == schema.KindState {
		parts = append(parts, e.OldState.String()+" -> "+e.NewState.String())
	}
	if e.Kind == schema.KindLingering {
		parts = append(parts, stay(e))
	}
	if e.Kind == schema.KindListener {
		parts = append(parts, queues(e)...)
	}
	if e.Direction != schema.DirectionUnknown {
		parts = append(parts, e.Direction.String())
	}
	if e.TCPFlags != 0 {
		parts = append(parts, "["+flagNames(e.TCPFlags)+"]")
	}
	if e.Length > 0 {
		parts = append(parts, size(uint64(e.Length)))
	}
	return strings.Join(append(parts, weight(e.Weight)...), ", ")
}

// stay is how long a lingering socket had been in its state.
func stay(e *schema.Event) string {
	if !e.StateUS.Known {
		return "since before the agent"
	}
	return "for " + duration(time.Duration(min(e.StateUS.Value, math.MaxInt64/1000))*time.Microsecond)
}

// queues is what a listener turned away, and what it holds.
func queues(e *schema.Event) []string {
	parts := []string{fmt.Sprintf("turned away %d", e.TurnedAway)}
	if e.Aborted > 0 {
		parts = append(parts, fmt.Sprintf("reset %d", e.Aborted))
	}
	if e.SynCookies != 0 {
		parts = append(parts, cookies(e))
	}
	if e.HalfOpenExpired > 0 {
		parts = append(parts, fmt.Sprintf("%d never answered", e.HalfOpenExpired))
	}
	if e.HalfOpenReset > 0 {
		parts = append(parts, fmt.Sprintf("%d half-open reset by clients", e.HalfOpenReset))
	}
	return append(parts, fmt.Sprintf("%d queued of %d", e.Queued, e.Backlog), fmt.Sprintf("%d half open", e.HalfOpen))
}

func cookies(e *schema.Event) string {
	if !e.CookiesSent.Known {
		return "SYN cookies"
	}
	return fmt.Sprintf("%d SYN cookies", e.CookiesSent.Value)
}

// weight is how many records a budget skipped before this one.
func weight(w uint32) []string {
	if w <= 1 {
		return nil
	}
	return []string{fmt.Sprintf("and %d more", w-1)}
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

func flagNames(flags uint8) string {
	var b strings.Builder
	for i := range len(tcpFlags) {
		if flags&(1<<i) != 0 {
			b.WriteByte(tcpFlags[i])
		}
	}
	return b.String()
}
