// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// flow is a connection from host A to host B, whose writes leave as a packet each.
type flow struct {
	world          *lab.Lab
	client, server *lab.Socket
}

func newFlow(t testing.TB, world *lab.Lab, of func(*lab.Host) netip.Addr) *flow {
	t.Helper()
	world.A.Sysctl(t, "net/ipv4/tcp_retrans_collapse", "0") // each write stays a segment
	listener := world.B.Actor(t, "server").Listen(of(world.B), 16)
	f := &flow{world: world, client: world.A.Actor(t, "client").Dial(listener.Local)}
	f.server = listener.Accept()
	f.client.Set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	f.client.Write(1) // measures the round trip
	f.server.Read(1)
	return f
}

// write writes n segments of 100 bytes.
func (f *flow) write(n int) {
	for range n {
		f.client.Write(100)
	}
}

// end reads what is left and closes both ends.
func (f *flow) end(n int) {
	f.server.Read(n)
	f.client.Close()
	f.server.Read(1)
	f.server.Close()
}

// sizeMatch matches the flow's packets with a payload of n bytes.
func (f *flow) sizeMatch(n int) string {
	headers := 20 + 32 // with timestamps
	if f.client.Local.Addr().Is6() {
		headers += 20
	}
	return fmt.Sprintf("tcp dport %d meta length %d", f.server.Local.Port(), headers+n)
}

// losing is a way to lose packets on their way into host B, and the reasons why host A then sends again.
type losing struct {
	patient bool
	lose    func(t testing.TB, f *flow)
	why     []string
}

const oddSize = 333

var losses = map[string]losing{
	"all, until the timer fired twice": {
		lose: func(t testing.TB, f *flow) {
			stop := f.world.B.Drop(t, "input", fmt.Sprintf("tcp dport %d", f.server.Local.Port()))
			f.write(5)
			atLeast(t, f.world.A, "TcpExtTCPTimeouts", 2)
			stop()
			f.end(500)
		},
		why: []string{schema.RetransmitTailLossProbe, schema.RetransmitTimeout, schema.RetransmitLossRecovery},
	},
	"the first of several": {
		patient: true,
		lose: func(t testing.TB, f *flow) {
			stop := f.world.B.Drop(t, "input", f.sizeMatch(oddSize))
			f.client.Write(oddSize)
			f.write(5)
			atLeast(t, f.world.A, "TcpExtTCPFastRetrans", 1)
			stop()
			f.end(oddSize + 500)
		},
		why: []string{schema.RetransmitFast},
	},
}

// TestRetransmitsSayWhy: a retransmission says why the kernel sent it, and has the sequence number of the packet that was dropped.
func TestRetransmitsSayWhy(t *testing.T) {
	w := watching(t, "--budget", "drop=0", "--budget", "retransmit=0")
	type ran struct {
		name string
		why  []string
		flow *flow
		a, b namespace
	}
	var all []ran
	for name, l := range losses {
		for _, of := range []func(*lab.Host) netip.Addr{v4, v6} {
			world := lab.New(t)
			if l.patient {
				world.A.Patient(t, 5_000)
			}
			f := newFlow(t, world, of)
			l.lose(t, f)
			all = append(all, ran{name, l.why, f, namespaceOf(t, f.world.A), namespaceOf(t, f.world.B)})
		}
	}
	w.stop()
	for _, r := range all {
		again, drops := w.happened(schema.KindRetransmit, r.a), w.happened(schema.KindDrop, r.b)
		var why []string
		for _, e := range again {
			fmt.Printf("RETRANSMIT\t%s\t%s\t%s raw %x seq %d length %d\n", r.name, r.flow.client, e.Reason, e.ReasonRaw.Value, e.PacketSeq.Value, e.Length)
			why = append(why, e.Reason)
			require.True(t, e.PacketSeq.Known)
			require.False(t, e.PacketAck.Known)
		}
		for _, want := range r.why {
			require.Contains(t, why, want, r.name)
		}
		require.NotContains(t, why, "", r.name)
		require.NotEmpty(t, drops, r.name)
		for _, d := range drops { // all the data arrived in the end
			require.True(t, slices.ContainsFunc(again, func(e *schema.Event) bool { return explains(d, e) }), "%s: nothing makes up for %+v", r.name, d)
		}
	}
}

// explains reports whether a dropped packet has bytes of the segment that was sent again later.
func explains(d, e *schema.Event) bool {
	return d.PacketSeq.Known && d.At < e.At && netip.AddrPortFrom(d.RemoteIP, d.RemotePort) == netip.AddrPortFrom(e.LocalIP, e.LocalPort) &&
		(within(e, d) || within(d, e))
}

// within reports whether the first byte of a packet is in another one.
func within(e, d *schema.Event) bool {
	offset := uint32(e.PacketSeq.Value) - uint32(d.PacketSeq.Value)
	return offset < d.Length
}
