// SPDX-License-Identifier: Apache-2.0

package nat

import (
	"encoding/binary"
	"net/netip"

	"tcpledger/bpf/conntrack"
	"tcpledger/schema"
)

// ask makes the question for a connection.
func ask(c *schema.Connection, e *conntrack.Entry) {
	*e = conntrack.Entry{LocalIp: words(c.LocalIP), LocalPort: swap(c.LocalPort), RemoteIp: words(c.RemoteIP), RemotePort: swap(c.RemotePort)}
	if c.LocalIP.Is6() {
		e.Ipv6 = 1
	}
}

// answer takes the answer into a connection, and says what it was.
func answer(c *schema.Connection, e *conntrack.Entry) result {
	if e.Found == 0 {
		return untracked
	}
	if !sent(c, e.SeqEnd) {
		return another
	}
	ipv6 := e.Ipv6 != 0
	nat := schema.Translation{LocalIP: address(e.ToIp, ipv6), LocalPort: swap(e.ToPort), RemoteIP: address(e.FromIp, ipv6), RemotePort: swap(e.FromPort)}
	if nat == (schema.Translation{LocalIP: c.LocalIP, LocalPort: c.LocalPort, RemoteIP: c.RemoteIP, RemotePort: c.RemotePort}) {
		return untranslated
	}
	c.NAT = nat
	return translated
}

// sent reports whether this connection sent what ends at that sequence number. Connection tracking may have seen less than the socket sent, if
// some of it was lost on its way there, but all that was acknowledged. An entry of the same tuple in another network namespace, or
// of the next connection that uses the port, has other numbers.
func sent(c *schema.Connection, end uint32) bool {
	const flag = 1 // a SYN or a FIN counts as one
	return int32(end-(c.SndUna-flag)) >= 0 && int32(c.SndNxt+flag-end) >= 0
}

// words are an address in network order; that of no address is all zeros.
func words(ip netip.Addr) (w [4]uint32) {
	b := ip.AsSlice()
	for i := range len(b) / 4 {
		w[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return w
}

func address(w [4]uint32, ipv6 bool) netip.Addr {
	var b [16]byte
	for i, word := range w {
		binary.NativeEndian.PutUint32(b[4*i:], word)
	}
	if ipv6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// swap turns a port into network order and back.
func swap(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
