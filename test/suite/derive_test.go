// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// reasonOnLinger is the kernel's name of the reset reason that tells two of its abort counters apart.
const reasonOnLinger = "TCP_ABORT_ON_LINGER"

// derive makes the kernel's counters from the ledger, each as docs/counters.md says in SQL.
func derive(rows []*schema.Connection, events func(schema.Kind) []*schema.Event) map[string]int64 {
	book := map[string]int64{}
	synacks := events(schema.KindRetransmitSynack)
	for _, e := range events(schema.KindRetransmit) {
		if e.TCPFlags&schema.TCPFlagSYN != 0 {
			book["TcpExtTCPSynRetrans"]++
		}
	}
	book["TcpExtTCPSynRetrans"] += int64(len(synacks))
	book["TcpOutRsts"] = int64(len(events(schema.KindResetSent)))
	book["TcpRetransSegs"] = int64(len(synacks)) - inherited(rows, synacks)
	for _, e := range events(schema.KindListener) {
		book["TcpExtListenDrops"] += int64(e.TurnedAway)
		book["TcpExtEmbryonicRsts"] += int64(e.HalfOpenReset + e.Aborted)
	}
	for _, c := range rows {
		count := func(name string, does bool) {
			if does {
				book[name]++
			}
		}
		v := schema.Decide(c)
		connecting := c.LastState == schema.StateSynSent || c.LastState == schema.StateSynRecv
		count("TcpActiveOpens", c.Role == schema.RoleClient && v.Cause != schema.CauseNoLocalPort)
		count("TcpPassiveOpens", c.Role == schema.RoleServer)
		count("TcpAttemptFails", connecting && c.Error != 0)
		count("TcpEstabResets", c.LastState == schema.StateEstablished || c.LastState == schema.StateCloseWait)
		count("TcpExtTCPAbortOnClose", unreadAbort(c, v))
		count("TcpExtTCPAbortOnData", dataAbort(c, v))
		count("TcpExtTCPAbortOnLinger", v.Cause == schema.CauseLinger2Timeout && c.ResetReason == reasonOnLinger)
		count("TcpExtTCPAbortOnTimeout", timedOut(c, v.Cause))
		count("TcpExtTCPAbortOnMemory", v.Cause == schema.CauseOutOfMemory)
		book["TcpRetransSegs"] += int64(c.Retransmits)
	}
	return book
}

// inherited counts the SYN-ACKs sent again whose request became a connection: its `retransmits` begin with them.
func inherited(rows []*schema.Connection, synacks []*schema.Event) int64 {
	type tuple struct {
		netns         uint32
		local, remote netip.AddrPort
	}
	of := func(s *schema.Socket) tuple {
		return tuple{s.NetNS, netip.AddrPortFrom(s.LocalIP, s.LocalPort), netip.AddrPortFrom(s.RemoteIP, s.RemotePort)}
	}
	became, n := map[tuple]bool{}, int64(0)
	for _, c := range rows {
		became[of(&c.Socket)] = became[of(&c.Socket)] || c.Role == schema.RoleServer
	}
	for _, e := range synacks {
		if became[of(&e.Socket)] {
			n++
		}
	}
	return n
}

// unreadAbort: close() found unread data, in a process that goes on or in one that exits.
func unreadAbort(c *schema.Connection, v schema.Verdict) bool {
	return v.Cause == schema.CauseCloseUnreadData || v.Cause == schema.CauseProcessExit && v.Reset == schema.ResetSent && unread(c)
}

func unread(c *schema.Connection) bool { return c.BytesUnread(c.Flags.Has(schema.FlagFinReceived)) > 0 }

// dataAbort is what the kernel files under AbortOnData: data after close, and, whatever the name says, SO_LINGER with
// time 0, and a FIN acknowledged where TCP_LINGER2 is below 0.
func dataAbort(c *schema.Connection, v schema.Verdict) bool {
	switch v.Cause {
	case schema.CauseDataAfterClose, schema.CauseLingerAbort:
		return true
	case schema.CauseProcessExit:
		return v.Reset == schema.ResetSent && !unread(c)
	case schema.CauseLinger2Timeout:
		return c.ResetReason != reasonOnLinger
	}
	return false
}

func timedOut(c *schema.Connection, cause schema.Cause) bool {
	switch cause {
	case schema.CauseConnectTimeout, schema.CauseRetransmitTimeout, schema.CauseKeepaliveTimeout, schema.CauseZeroWindowTimeout:
		return true
	case schema.CauseHandshakeFailed:
		return c.Error == int32(unix.ETIMEDOUT)
	}
	return false
}

// agree asserts each relation that docs/counters.md states. Before reset reasons (6.10) the kernel shows no resets without
// a socket, and not which abort one was.
func agree(t *testing.T, kernel, book map[string]int64, reasons bool) {
	t.Helper()
	for _, name := range []string{"TcpActiveOpens", "TcpPassiveOpens", "TcpEstabResets", "TcpRetransSegs", "TcpExtTCPSynRetrans",
		"TcpExtTCPAbortOnClose", "TcpExtTCPAbortOnTimeout", "TcpExtTCPAbortOnMemory"} {
		assert.Equal(t, kernel[name], book[name], name)
	}
	// A reset that hits a request, before there is a socket, makes no row: its listener counts it.
	assert.Positive(t, kernel["TcpExtEmbryonicRsts"])
	assert.Equal(t, kernel["TcpAttemptFails"]-kernel["TcpExtEmbryonicRsts"], book["TcpAttemptFails"], "TcpAttemptFails")
	if !reasons {
		assert.GreaterOrEqual(t, book["TcpExtListenDrops"], kernel["TcpExtListenDrops"], "TcpExtListenDrops")
		assert.Greater(t, kernel["TcpOutRsts"], book["TcpOutRsts"], "TcpOutRsts")
		assert.Equal(t, kernel["TcpExtTCPAbortOnData"]+kernel["TcpExtTCPAbortOnLinger"], book["TcpExtTCPAbortOnData"], "TCPAbortOnData and TCPAbortOnLinger")
		return
	}
	for _, name := range []string{"TcpOutRsts", "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnLinger", "TcpExtListenDrops", "TcpExtEmbryonicRsts"} {
		assert.Equal(t, kernel[name], book[name], name)
		assert.Positive(t, kernel[name], name)
	}
}
