// SPDX-License-Identifier: Apache-2.0

package packettest

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"
)

// network is where the IP header of every packet lies behind the packet's head.
const network = 80

// protocols of an Ethernet frame, as packets hold them.
const (
	ipv4 = 0x0800
	ipv6 = 0x86dd
	arp  = 0x0806
)

// runner runs parse_packet in the kernel.
type runner struct{ objects packetObjects }

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{}
	err := errors.Join(rlimit.RemoveMemlock(), loadPacketObjects(&r.objects, nil))
	if err != nil && os.Getenv("TCPLEDGER_REQUIRE_BPF") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.objects.Close()) })
	return r
}

// packet is what a test makes: the bytes from the IP header on, and what the kernel's descriptor says of them.
type packet struct {
	protocol uint16
	bytes    []byte
	length   uint32 // of the descriptor; 0: that of the bytes
	received bool   // it came in on a device
}

func (r *runner) parse(t *testing.T, p packet) packetPacketCase {
	t.Helper()
	c := packetPacketCase{Network: network, Tail: network + uint32(len(p.bytes)), Len: p.length, Protocol: uint32(p.protocol>>8 | p.protocol<<8)}
	if c.Len == 0 {
		c.Len = uint32(len(p.bytes))
	}
	if p.received {
		c.Iif = 2
	}
	copy(c.Data[network:], p.bytes)
	// What lies beyond the packet is somebody else's memory: it looks like a header.
	for i := network + len(p.bytes); i < len(c.Data); i++ {
		c.Data[i] = 0x55
	}
	require.NoError(t, r.objects.Cases.Put(uint32(0), &c))
	result, err := r.objects.RunPacket.Run(&ebpf.RunOptions{})
	require.NoError(t, err)
	require.Zero(t, result)
	require.NoError(t, r.objects.Cases.Lookup(uint32(0), &c))
	return c
}

// tcp is a TCP header with its data offset in words, and a payload.
func tcp(offset int, payload int) []byte {
	b := make([]byte, max(offset*4, 20)+payload)
	binary.BigEndian.PutUint16(b, 40001)
	binary.BigEndian.PutUint16(b[2:], 443)
	binary.BigEndian.PutUint32(b[4:], 0x01020304)
	binary.BigEndian.PutUint32(b[8:], 0x05060708)
	b[12], b[13] = byte(offset<<4), 0x18
	return b
}

// v4 puts an IPv4 header of that many words before a payload.
func v4(words int, protocol byte, payload []byte, change ...func(header []byte)) []byte {
	h := make([]byte, max(words*4, 20))
	h[0], h[9] = 4<<4|byte(words), protocol
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	copy(h[12:], []byte{192, 0, 2, 1})
	copy(h[16:], []byte{198, 51, 100, 7})
	for _, c := range change {
		c(h)
	}
	return append(h, payload...)
}

// extension is an IPv6 extension header: its own number, and its length in units of 8 bytes beyond the first.
type extension struct{ number, units byte }

var (
	hopByHop    = extension{0, 0}
	routing     = extension{43, 2}
	destination = extension{60, 1}
)

// v6 puts an IPv6 header and extension headers before a payload.
func v6(extensions []extension, protocol byte, payload []byte) []byte {
	h := make([]byte, 40)
	h[0] = 6 << 4
	source, dest := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8::2").As16()
	copy(h[8:], source[:])
	copy(h[24:], dest[:])
	var chain []byte
	numbers := []byte{}
	for _, e := range extensions {
		header := make([]byte, (int(e.units)+1)*8)
		header[1] = e.units
		chain, numbers = append(chain, header...), append(numbers, e.number)
	}
	numbers = append(numbers, protocol)
	h[6] = numbers[0]
	for i, at := 0, 0; i < len(extensions); i++ {
		chain[at] = numbers[i+1]
		at += (int(extensions[i].units) + 1) * 8
	}
	chain = append(chain, payload...)
	binary.BigEndian.PutUint16(h[4:], uint16(len(chain)))
	return append(h, chain...)
}

// fragment is an IPv6 fragment header at an offset in units of 8 bytes, before a payload.
func fragment(offset uint16, payload []byte) []byte {
	h := make([]byte, 8)
	h[0] = 6
	binary.BigEndian.PutUint16(h[2:], offset<<3|1)
	return append(h, payload...)
}

// TestTCPIsFound: addresses, ports, numbers and payload of every packet that has a whole TCP header.
func TestTCPIsFound(t *testing.T) {
	r := newRunner(t)
	moreFragments := func(h []byte) { h[6] = 0x20 }
	dontFragment := func(h []byte) { h[6] = 0x40 }
	noLength := func(h []byte) { h[2], h[3] = 0, 0 }
	short := func(h []byte) { h[2], h[3] = 0, 30 }
	jumbo := v6(nil, 6, tcp(5, 100))
	jumbo[4], jumbo[5] = 0, 0
	for name, c := range map[string]struct {
		packet packet
		length uint32
	}{
		"v4":                              {packet{ipv4, v4(5, 6, tcp(5, 100)), 0, true}, 100},
		"v4 sent":                         {packet{ipv4, v4(5, 6, tcp(5, 100), dontFragment), 0, false}, 100},
		"v4 without payload":              {packet{ipv4, v4(5, 6, tcp(5, 0)), 0, true}, 0},
		"v4 with one option":              {packet{ipv4, v4(6, 6, tcp(5, 9)), 0, true}, 9},
		"v4 with all options":             {packet{ipv4, v4(15, 6, tcp(15, 9)), 0, true}, 9},
		"v4 first fragment":               {packet{ipv4, v4(5, 6, tcp(5, 8), moreFragments), 0, true}, 8},
		"v4 longer than 16 bits can say":  {packet{ipv4, v4(5, 6, tcp(5, 100), noLength), 70_040, true}, 70_000},
		"v4 with padding behind it":       {packet{ipv4, append(v4(5, 6, tcp(5, 1)), 0, 0, 0, 0, 0), 0, true}, 1},
		"v4 with a length within its TCP": {packet{ipv4, v4(5, 6, tcp(5, 100), short), 0, true}, 0},
		"TCP with options":                {packet{ipv4, v4(5, 6, tcp(15, 3)), 0, true}, 3},
		"TCP offset past the packet":      {packet{ipv4, v4(5, 6, append(tcp(5, 0)[:12], 0xf0, 0x18, 0, 0, 0, 0, 0, 0)), 0, true}, 0},
		"TCP offset within the header":    {packet{ipv4, v4(5, 6, tcp(4, 7)), 0, true}, 0},
		"TCP offset 0":                    {packet{ipv4, v4(5, 6, tcp(0, 7)), 0, true}, 0},
		"v6":                              {packet{ipv6, v6(nil, 6, tcp(5, 100)), 0, true}, 100},
		"v6 sent":                         {packet{ipv6, v6(nil, 6, tcp(8, 100)), 0, false}, 100},
		"v6 jumbo":                        {packet{ipv6, jumbo, 70_060, true}, 70_000},
		"v6 hop-by-hop":                   {packet{ipv6, v6([]extension{hopByHop}, 6, tcp(5, 11)), 0, true}, 11},
		"v6 routing":                      {packet{ipv6, v6([]extension{routing}, 6, tcp(5, 11)), 0, true}, 11},
		"v6 destination options":          {packet{ipv6, v6([]extension{destination}, 6, tcp(5, 11)), 0, true}, 11},
		"v6 with four extensions":         {packet{ipv6, v6([]extension{hopByHop, destination, routing, destination}, 6, tcp(5, 11)), 0, true}, 11},
		"v6 with the longest extension":   {packet{ipv6, v6([]extension{{60, 255}}, 6, tcp(5, 11)), 0, true}, 11},
		"v6 first fragment":               {packet{ipv6, v6(nil, 44, fragment(0, tcp(5, 16))), 0, true}, 16},
		"v6 first fragment and routing":   {packet{ipv6, v6([]extension{routing}, 44, fragment(0, tcp(5, 16))), 0, true}, 16},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.parse(t, c.packet)
			require.Equal(t, packetParsedPACKET_TCP, packetParsed(got.Parsed))
			p := got.Packet
			source, dest, family := "::ffff:192.0.2.1", "::ffff:198.51.100.7", uint16(2)
			if c.packet.protocol == ipv6 {
				source, dest, family = "2001:db8::1", "2001:db8::2", 10
			}
			require.Equal(t, netip.MustParseAddr(source), netip.AddrFrom16(p.SourceIp))
			require.Equal(t, netip.MustParseAddr(dest), netip.AddrFrom16(p.DestIp))
			require.Equal(t, family, p.Family)
			require.EqualValues(t, 40001, p.SourcePort)
			require.EqualValues(t, 443, p.DestPort)
			require.EqualValues(t, 0x01020304, p.Seq)
			require.EqualValues(t, 0x05060708, p.Ack)
			require.EqualValues(t, 0x18, p.TcpFlags)
			require.Equal(t, c.packet.received, p.Outgoing == 0)
			require.Equal(t, c.length, p.Length)
		})
	}
}

// TestOtherPackets: what has no TCP header that one can read is told from what has a broken one.
func TestOtherPackets(t *testing.T) {
	r := newRunner(t)
	later := func(h []byte) { h[7] = 1 }
	version := func(h []byte) { h[0] = 6<<4 | 5 }
	whole4, whole6 := v4(5, 6, tcp(5, 0)), v6(nil, 6, tcp(5, 0))
	version6 := append([]byte(nil), whole6...)
	version6[0] = 4 << 4
	for name, c := range map[string]struct {
		packet packet
		want   packetParsed
	}{
		"ARP":                          {packet{protocol: arp, bytes: whole4}, packetParsedPACKET_OTHER},
		"UDP":                          {packet{protocol: ipv4, bytes: v4(5, 17, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v4 later fragment":            {packet{protocol: ipv4, bytes: v4(5, 6, tcp(5, 0), later)}, packetParsedPACKET_OTHER},
		"v4 header too short":          {packet{protocol: ipv4, bytes: v4(4, 6, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v4 header length 0":           {packet{protocol: ipv4, bytes: v4(0, 6, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v4 that is v6":                {packet{protocol: ipv4, bytes: v4(5, 6, tcp(5, 0), version)}, packetParsedPACKET_OTHER},
		"v6 that is v4":                {packet{protocol: ipv6, bytes: version6}, packetParsedPACKET_OTHER},
		"v6 UDP":                       {packet{protocol: ipv6, bytes: v6(nil, 17, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v6 UDP behind an extension":   {packet{protocol: ipv6, bytes: v6([]extension{hopByHop}, 17, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v6 no next header":            {packet{protocol: ipv6, bytes: v6(nil, 59, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v6 authentication":            {packet{protocol: ipv6, bytes: v6([]extension{{51, 1}}, 6, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"v6 later fragment":            {packet{protocol: ipv6, bytes: v6(nil, 44, fragment(185, tcp(5, 0)))}, packetParsedPACKET_OTHER},
		"v6 with five extensions":      {packet{protocol: ipv6, bytes: v6([]extension{hopByHop, destination, routing, destination, destination}, 6, tcp(5, 0))}, packetParsedPACKET_OTHER},
		"nothing":                      {packet{protocol: ipv4}, packetParsedPACKET_OTHER},
		"v4 without TCP":               {packet{protocol: ipv4, bytes: whole4[:20]}, packetParsedPACKET_BROKEN},
		"v4 TCP cut short by a byte":   {packet{protocol: ipv4, bytes: whole4[:39]}, packetParsedPACKET_BROKEN},
		"v4 cut within its addresses":  {packet{protocol: ipv4, bytes: whole4[:14]}, packetParsedPACKET_BROKEN},
		"v4 options past the packet":   {packet{protocol: ipv4, bytes: v4(15, 6, nil)[:40]}, packetParsedPACKET_BROKEN},
		"v6 TCP cut short by a byte":   {packet{protocol: ipv6, bytes: whole6[:59]}, packetParsedPACKET_BROKEN},
		"v6 extension past the packet": {packet{protocol: ipv6, bytes: v6([]extension{{60, 255}}, 6, nil)[:48]}, packetParsedPACKET_BROKEN},
		"v6 cut before its extension":  {packet{protocol: ipv6, bytes: v6([]extension{hopByHop}, 6, tcp(5, 0))[:40]}, packetParsedPACKET_OTHER},
		"v6 TCP cut behind extensions": {packet{protocol: ipv6, bytes: v6([]extension{hopByHop, routing}, 6, tcp(5, 0)[:19])}, packetParsedPACKET_BROKEN},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, packetParsed(r.parse(t, c.packet).Parsed))
		})
	}
}
