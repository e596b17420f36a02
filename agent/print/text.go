// SPDX-License-Identifier: Apache-2.0

package print

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tcpledger/schema"
)

// unknown stands where nothing is known.
const unknown = "-"

// tcpFlags are the header's flag bits from the lowest, as tcpdump abbreviates them.
const tcpFlags = "FSRP.UEW"

// clean makes text of others safe to show: a process may give itself any name, also one that commands the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// endpoint gives "10.0.0.1:80" or "[2001:db8::1]:80".
func endpoint(ip netip.Addr, port uint16) string {
	if !ip.IsValid() {
		return unknown
	}
	return netip.AddrPortFrom(ip, port).String()
}

// size gives bytes in the unit that fits.
func size(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + units[unit:unit+1] + "iB"
}

const units = "KMGTPE"

// lifetime gives how long the connection was, "-" where it began before the agent.
func lifetime(c *schema.Connection) string {
	if !c.OpenedAt.Known || c.OpenedAt.Value > c.At {
		return unknown
	}
	return duration(time.Duration(c.At - c.OpenedAt.Value))
}

// duration keeps about three digits.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Truncate(time.Microsecond).String()
	case d < time.Second:
		return strconv.FormatFloat(d.Seconds()*1e3, 'f', 1, 64) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// connectionDetail is what stands behind the cause: the error, the reset with the kernel's reason, data that never arrived.
func connectionDetail(c *schema.Connection, v schema.Verdict) string {
	var parts []string
	if name := schema.ErrnoName(c.Error); name != "" {
		parts = append(parts, name)
	}
	if v.Reset != schema.ResetNone {
		parts = append(parts, joined("reset "+string(v.Reset), clean(c.ResetReason)))
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
	return strings.Join(append(parts, weight(c.Weight)...), ", ")
}

// unacked leaves out a SYN or FIN in flight, which counts as a byte.
func unacked(c *schema.Connection) uint32 {
	n := c.BytesUnacked()
	if n > 0 && c.LastState != schema.StateEstablished && c.LastState != schema.StateCloseWait {
		n--
	}
	return n
}

// eventDetail is what an event says beside its kind.
func eventDetail(e *schema.Event) string {
	var parts []string
	for _, part := range []string{clean(e.Reason), schema.ErrnoName(e.Error)} {
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

// stay tells how long a lingering socket had been in its state.
func stay(e *schema.Event) string {
	if !e.StateUS.Known {
		return "since before the agent"
	}
	return "for " + duration(time.Duration(min(e.StateUS.Value, math.MaxInt64/1000))*time.Microsecond)
}

// weight tells of the records that a budget skipped before this one.
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
