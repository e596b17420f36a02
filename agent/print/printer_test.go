// SPDX-License-Identifier: Apache-2.0

package print

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

var wall = time.Date(2026, 3, 4, 16, 9, 51, 0, time.UTC)

func socket(local, remote string) schema.Socket {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	return schema.Socket{LocalIP: l.Addr(), LocalPort: l.Port(), RemoteIP: r.Addr(), RemotePort: r.Port()}
}

// unreadClose closed with data left unread: a reset.
func unreadClose() *schema.Connection {
	return &schema.Connection{
		Identity: schema.Identity{At: 9_000_000_000, Weight: 1}, Socket: socket("10.0.0.1:8080", "10.0.0.200:43210"),
		Owner: schema.Owner{PID: 4711, Comm: "nginx", How: schema.OwnerRead},
		Evidence: schema.Evidence{LastState: schema.StateEstablished, Shutdown: 3,
			Flags: schema.FlagOwned | schema.FlagFileDead | schema.FlagResetSent, ResetReason: "TCP_ABORT_ON_CLOSE"},
		Counters: schema.Counters{BytesSentRaw: 1536, BytesReceivedRaw: 500, RcvNxt: 500, CopiedSeq: 200, Retransmits: 2},
		OpenedAt: schema.Some(7_800_000_000), StackID: 5,
	}
}

func peerClose(local, remote string) *schema.Connection {
	return &schema.Connection{
		Identity: schema.Identity{At: 9_000_000_000, Weight: 1}, Socket: socket(local, remote),
		Owner:    schema.Owner{PID: 12, Comm: "curl", How: schema.OwnerConnect},
		Evidence: schema.Evidence{LastState: schema.StateLastAck, FirstFin: schema.SidePeer, Flags: schema.FlagFinReceived},
		Counters: schema.Counters{BytesReceivedRaw: 1},
	}
}

func consumed() *schema.Event {
	return &schema.Event{Kind: schema.KindSkbConsumed, Identity: schema.Identity{Weight: 1}, Socket: socket("0.0.0.0:6", "0.0.0.0:0"),
		Owner: schema.Owner{PID: 99, Comm: "not shown"}, Context: schema.Context{Comm: "swapper/1", Kind: schema.CtxIdle},
		State: schema.StateClose, StackID: 6}
}

func printed(t *testing.T, o Options, records func(*Printer)) string {
	t.Helper()
	var b bytes.Buffer
	records(New(&b, o))
	return b.String()
}

func TestGolden(t *testing.T) {
	got := printed(t, Options{}, func(p *Printer) {
		require.NoError(t, p.Connection(unreadClose(), wall))
		require.NoError(t, p.Connection(peerClose("10.0.0.1:43210", "93.184.216.34:443"), wall))
		require.NoError(t, p.Connection(peerClose("[::1]:43210", "[2001:db8:1234:5678:9abc:def0:1234:5678]:443"), wall))
		refused := peerClose("10.0.0.1:43211", "10.0.0.9:81")
		refused.Evidence = schema.Evidence{LastState: schema.StateSynSent, Error: 111}
		refused.Counters, refused.Owner = schema.Counters{SndNxt: 1, SegsOut: 1}, schema.Owner{Comm: "haproxy", How: schema.OwnerListener}
		require.NoError(t, p.Connection(refused, wall))
		executed := peerClose("10.0.0.1:43212", "10.0.0.9:80")
		executed.Opener = schema.Opener{PID: 12, Comm: "sh", How: schema.OwnerConnect}
		require.NoError(t, p.Connection(executed, wall))
		passed := peerClose("10.0.0.1:80", "10.0.0.9:43213")
		passed.Opener = schema.Opener{PID: 11, Comm: "ng\x1binx", How: schema.OwnerRead}
		require.NoError(t, p.Connection(passed, wall))
		passed.Opener = schema.Opener{PID: 12, Comm: "curl", How: schema.OwnerRead} // the owner
		require.NoError(t, p.Connection(passed, wall))
		require.NoError(t, p.Event(consumed(), wall))
		require.NoError(t, p.Event(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Weight: 12}, Direction: schema.DirectionIn,
			Socket: socket("10.0.0.1:80", "10.0.0.2:5000"), Reason: "NO_SOCKET", TCPFlags: 0x12, Length: 1448}, wall))
		require.NoError(t, p.Event(&schema.Event{Kind: schema.KindState, Socket: socket("10.0.0.1:80", "10.0.0.2:5000"), State: schema.StateCloseWait,
			OldState: schema.StateEstablished, NewState: schema.StateCloseWait, Owner: schema.Owner{PID: 7, Comm: "sshd"}}, wall))
		require.NoError(t, p.Event(&schema.Event{Kind: schema.KindError, Error: 104, State: schema.StateEstablished}, wall))
		require.NoError(t, p.Loss(&schema.Loss{Stream: 4, SeqFrom: 9, SeqTo: 20, Cause: schema.LossRingFull}, wall))
	})
	require.Equal(t, strings.TrimPrefix(`
TIME UTC PID      COMM             SADDR:SPORT           DADDR:DPORT           STATE        CAUSE               INITIATOR DURATION SENT     RECEIVED DETAIL
16:09:51 4711     nginx            10.0.0.1:8080         10.0.0.200:43210      ESTABLISHED  close_unread_data   local     1.2s     1.5KiB   500B     reset sent TCP_ABORT_ON_CLOSE, 300B unread, 2 retransmits
16:09:51 12       curl             10.0.0.1:43210        93.184.216.34:443     LAST_ACK     peer_close          peer      -        0B       0B
16:09:51 12       curl             [::1]:43210           [2001:db8:1234:5678:9abc:def0:1234:5678]:443 LAST_ACK peer_close peer -   0B       0B
16:09:51 -        (haproxy)        10.0.0.1:43211        10.0.0.9:81           SYN_SENT     refused             peer      -        0B       0B       ECONNREFUSED
16:09:51 12       curl             10.0.0.1:43212        10.0.0.9:80           LAST_ACK     peer_close          peer      -        0B       0B       opened by sh 12
16:09:51 12       curl             10.0.0.1:80           10.0.0.9:43213        LAST_ACK     peer_close          peer      -        0B       0B       first used by ng�inx 11
16:09:51 12       curl             10.0.0.1:80           10.0.0.9:43213        LAST_ACK     peer_close          peer      -        0B       0B
16:09:51 0        swapper/1        0.0.0.0:6             0.0.0.0:0             CLOSE        skb_consumed
16:09:51 -        -                10.0.0.1:80           10.0.0.2:5000                      drop NO_SOCKET, in, [S.], 1.4KiB, and 11 more
16:09:51 7        sshd             10.0.0.1:80           10.0.0.2:5000         CLOSE_WAIT   state ESTABLISHED -> CLOSE_WAIT
16:09:51 -        -                -                     -                     ESTABLISHED  error ECONNRESET
16:09:51 lost 12 records of stream 4 (9 to 20): ring_full
`, "\n"), got)
}

// The first columns are those of the script that users come from, at the same places.
func TestTheColumnsOfOld(t *testing.T) {
	stacks := func(id uint64) []string {
		require.Equal(t, uint64(6), id)
		return []string{"napi_consume_skb+134", "e1000_clean+285"}
	}
	got := printed(t, Options{Stacks: stacks}, func(p *Printer) { require.NoError(t, p.Event(consumed(), wall)) })
	for i, want := range strings.Split(`TIME UTC PID      COMM             SADDR:SPORT           DADDR:DPORT           STATE
16:09:51 0        swapper/1        0.0.0.0:6             0.0.0.0:0             CLOSE
        napi_consume_skb+134
        e1000_clean+285`, "\n") {
		require.True(t, strings.HasPrefix(strings.Split(got, "\n")[i], want), got)
	}
}

func TestColoursCoverTheCauseOnly(t *testing.T) {
	record := func(p *Printer) { require.NoError(t, p.Connection(unreadClose(), wall)) }
	plain, coloured := printed(t, Options{}, record), printed(t, Options{Color: true}, record)
	require.NotContains(t, plain, "\x1b")
	require.Contains(t, coloured, "\x1b[31mclose_unread_data\x1b[0")
	stripped := coloured
	for _, code := range []string{"\x1b[31m", "\x1b[1m", "\x1b[22m", "\x1b[0m", "\x1b[0;0m", "\x1b[0;22m"} {
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	require.Equal(t, plain, stripped, "colours move nothing")
}

func TestAHeaderOnEachScreen(t *testing.T) {
	rows := 10
	got := printed(t, Options{Rows: func() int { return rows }, Stacks: func(uint64) []string { return []string{"a", "b"} }}, func(p *Printer) {
		for range 7 {
			require.NoError(t, p.Connection(unreadClose(), wall)) // three lines each
		}
	})
	headers, since := 0, 0
	for line := range strings.Lines(got) {
		since++
		if strings.HasPrefix(line, "TIME") {
			headers, since = headers+1, 0
		}
		require.LessOrEqual(t, since, rows+1)
	}
	require.Equal(t, 3, headers)
	require.Equal(t, 1, strings.Count(printed(t, Options{Rows: func() int { return 0 }}, func(p *Printer) {
		for range 500 {
			require.NoError(t, p.Loss(&schema.Loss{}, wall))
		}
	}), "TIME"))
}

func TestTheZoneIsSaid(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	got := printed(t, Options{Zone: zone}, func(p *Printer) { require.NoError(t, p.Loss(&schema.Loss{}, wall)) })
	require.Regexp(t, `^TIME CET PID .*\n17:09:51 lost `, got)
}

func TestNamesCannotCommandTheTerminal(t *testing.T) {
	c := unreadClose()
	c.Owner.Comm = "\x1b]0;x\a\r\nevil"
	got := printed(t, Options{Stacks: func(uint64) []string { return []string{"f\x1b[2J"} }}, func(p *Printer) { require.NoError(t, p.Connection(c, wall)) })
	require.NotContains(t, got, "\x1b")
	require.NotContains(t, got, "\r")
	require.Equal(t, 3, strings.Count(got, "\n"))
	require.Contains(t, got, "evil")
}

func TestAClosedOutputIsTheEnd(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	require.ErrorIs(t, New(w, Options{}).Connection(unreadClose(), wall), ErrClosed)

	pr, pw := io.Pipe()
	require.NoError(t, pr.Close())
	require.ErrorIs(t, New(pw, Options{}).Event(consumed(), wall), ErrClosed)

	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = full.Close() })
	err = New(full, Options{}).Connection(unreadClose(), wall)
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrClosed), "a full disk is a failure")
}

func TestForAFile(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	o := For(f)
	require.False(t, o.Color)
	require.Nil(t, o.Rows)
}
