// SPDX-License-Identifier: Apache-2.0

package nat

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf/conntrack"
	"tcpledger/schema"
)

func connection(local, remote string) *schema.Connection {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	c := &schema.Connection{Socket: schema.Socket{LocalIP: l.Addr(), LocalPort: l.Port(), RemoteIP: r.Addr(), RemotePort: r.Port()}}
	c.SndUna, c.SndNxt = 1000, 1010
	return c
}

// answers is what the program would find for packets from a peer to an address.
func answers(e *conntrack.Entry, from, to string) {
	f, t := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	e.Found, e.SeqEnd = 1, 1010
	e.FromIp, e.FromPort, e.ToIp, e.ToPort = words(f.Addr()), swap(f.Port()), words(t.Addr()), swap(t.Port())
}

func TestAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		local, remote, from, to string
		want                    result
	}{
		"masqueraded":     {"10.0.0.1:40000", "192.0.2.9:443", "192.0.2.9:443", "198.51.100.1:1024", translated},
		"another address": {"10.0.0.1:40000", "10.96.0.1:443", "10.0.0.7:6443", "10.0.0.1:40000", translated},
		"another port":    {"10.0.0.1:40000", "192.0.2.9:443", "192.0.2.9:443", "10.0.0.1:1024", translated},
		"IPv6":            {"[fd00::1]:40000", "[2001:db8::9]:443", "[2001:db8::9]:443", "[2001:db8::1]:40000", translated},
		"not translated":  {"10.0.0.1:40000", "192.0.2.9:443", "192.0.2.9:443", "10.0.0.1:40000", untranslated},
	} {
		t.Run(name, func(t *testing.T) {
			c := connection(test.local, test.remote)
			var e conntrack.Entry
			ask(c, &e)
			require.Equal(t, untracked, answer(c, &e))
			answers(&e, test.from, test.to)
			require.Equal(t, test.want, answer(c, &e))
			if test.want == untranslated {
				require.Equal(t, schema.Translation{}, c.NAT)
				return
			}
			require.Equal(t, test.to, netip.AddrPortFrom(c.NAT.LocalIP, c.NAT.LocalPort).String())
			require.Equal(t, test.from, netip.AddrPortFrom(c.NAT.RemoteIP, c.NAT.RemotePort).String())
		})
	}
}

// What connection tracking saw ends between what was acknowledged and what was sent; a SYN or a FIN more or less.
func TestSent(t *testing.T) {
	for _, shift := range []uint32{0, ^uint32(999), ^uint32(1004), 1 << 31} {
		c := connection("10.0.0.1:1", "10.0.0.2:2")
		c.SndUna, c.SndNxt = c.SndUna+shift, c.SndNxt+shift
		for end, want := range map[uint32]bool{998: false, 999: true, 1000: true, 1005: true, 1010: true, 1011: true, 1012: false, 1000 + 1<<30: false, 1000 + 1<<31: false} {
			require.Equal(t, want, sent(c, end+shift), "%d of %d to %d", end+shift, c.SndUna, c.SndNxt)
		}
	}
}

// No answer and no connection makes an address of another family, or ends the agent.
func FuzzAnswer(f *testing.F) {
	f.Add(true, uint32(1010), []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, ipv6 bool, end uint32, ip []byte) {
		c := connection("10.0.0.1:1", "10.0.0.2:2")
		if ipv6 {
			c = connection("[fd00::1]:1", "[fd00::2]:2")
		}
		var e conntrack.Entry
		ask(c, &e)
		var b [16]byte
		copy(b[:], ip)
		for i := range e.FromIp {
			e.FromIp[i] = binary.NativeEndian.Uint32(b[4*i:])
		}
		e.Found, e.SeqEnd = 1, end
		if answer(c, &e) == translated {
			require.Equal(t, ipv6, c.NAT.RemoteIP.Is6())
			require.True(t, c.NAT.Known())
		} else {
			require.Equal(t, schema.Translation{}, c.NAT)
		}
	})
}
