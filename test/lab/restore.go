// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// FastOpen connects without waiting and sends n bytes with the SYN. It refreshes the tuple and puts the result in Errno.
func (s *Socket) FastOpen(to netip.AddrPort, n int) *Socket {
	s.Actor.t.Helper()
	ans := s.Actor.do(command{Op: "fast-open", FD: s.FD, IP: to.Addr().String(), Port: to.Port(), N: n})
	s.Errno = unix.Errno(ans.Errno)
	s.Local, s.Remote = ans.Local, to
	return s
}

func fastOpen(c *command) (answer, error) {
	if err := unix.SetNonblock(c.FD, true); err != nil {
		return answer{}, err
	}
	err := unix.Sendto(c.FD, make([]byte, c.N), unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL, sockaddr(c.IP, c.Port))
	return tuple(c.FD), err
}

// Restore makes a new socket of the actor that goes on with the connection, and closes this one without a word: what CRIU does with
// TCP_REPAIR.
func (s *Socket) Restore() *Socket {
	s.Actor.t.Helper()
	restored := *s
	restored.FD = s.Actor.must(command{Op: "restore", FD: s.FD}).FD
	return &restored
}

// The queues of TCP_REPAIR_QUEUE.
const (
	receiveQueue = 1
	sendQueue    = 2
)

var queues = []int{receiveQueue, sendQueue}

func restore(old int) (answer, error) {
	numbers, err := dismantle(old)
	if err != nil {
		return answer{}, err
	}
	at := tuple(old)
	if err := unix.Close(old); err != nil {
		return answer{}, err
	}
	fd, err := unix.Socket(family(at.Local.Addr().String()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return answer{}, err
	}
	return answer{FD: fd}, assemble(fd, at, numbers)
}

// dismantle puts a socket into repair mode and gives the sequence number of each queue.
func dismantle(fd int) (numbers []int, err error) {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1); err != nil {
		return nil, err
	}
	for _, queue := range queues {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, queue); err != nil {
			return nil, err
		}
		n, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// assemble connects a new socket in repair mode: no packet goes out until it leaves that mode.
func assemble(fd int, at answer, numbers []int) error {
	err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	for i, queue := range queues {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, queue),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ, int(int32(numbers[i]))))
	}
	return errors.Join(err, unix.Bind(fd, sockaddr(at.Local.Addr().String(), at.Local.Port())),
		unix.Connect(fd, sockaddr(at.Remote.Addr().String(), at.Remote.Port())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 0))
}
