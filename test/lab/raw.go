// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The flags of a TCP header.
const (
	SYN = 0x02
	ACK = 0x10
)

// tcpHeader is the length of a TCP header without options.
const tcpHeader = 20

// Send sends a TCP header that no socket of the host has. The host's kernel then answers as if nobody had sent it.
func (h *Host) Send(t testing.TB, from, to netip.AddrPort, flags byte) {
	t.Helper()
	segment := make([]byte, tcpHeader)
	binary.BigEndian.PutUint16(segment[0:], from.Port())
	binary.BigEndian.PutUint16(segment[2:], to.Port())
	binary.BigEndian.PutUint32(segment[4:], 1000)
	if flags&ACK != 0 {
		binary.BigEndian.PutUint32(segment[8:], 2000)
	}
	segment[12], segment[13] = tcpHeader/4<<4, flags
	binary.BigEndian.PutUint16(segment[14:], 1024) // the window
	binary.BigEndian.PutUint16(segment[16:], checksum(from.Addr(), to.Addr(), segment))
	var err error
	h.In(t, func() { err = sendRaw(from.Addr(), to.Addr(), segment) })
	require.NoError(t, err)
}

func sendRaw(from, to netip.Addr, segment []byte) error {
	fd, err := unix.Socket(family(from.String()), unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, sockaddr(from.String(), 0)); err != nil {
		return err
	}
	return unix.Sendto(fd, segment, 0, sockaddr(to.String(), 0))
}

// checksum is that of a TCP segment, with the addresses and the length before it (RFC 9293).
func checksum(from, to netip.Addr, segment []byte) uint16 {
	all := append(append(from.AsSlice(), to.AsSlice()...), 0, 0, 0, unix.IPPROTO_TCP, 0, 0, 0, byte(len(segment)))
	all = append(all, segment...)
	var sum uint32
	for i := 0; i < len(all); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(all[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// AwaitHalfOpen waits until n handshakes with the listener wait for their last packet.
func (s *Socket) AwaitHalfOpen(n int) {
	s.Actor.t.Helper()
	s.Actor.Host.await(s.Actor.t, func(listed string) bool { return strings.Count(listed, "\n")+min(len(listed), 1) == n }, "-Htan", "state", "syn-recv", "sport", "=", port(s.Local))
}
