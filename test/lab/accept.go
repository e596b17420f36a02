// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TryAccept accepts a connection if one comes in time, and reports whether one did.
func (s *Socket) TryAccept(timeout time.Duration) (*Socket, bool) {
	s.Actor.t.Helper()
	ans := s.Actor.do(command{Op: "try-accept", FD: s.FD, N: int(timeout.Milliseconds())})
	if syscall.Errno(ans.Errno) == unix.EAGAIN {
		return nil, false
	}
	require.Zero(s.Actor.t, ans.Errno)
	return s.Actor.socket(ans), true
}

// ListenShared listens with SO_REUSEPORT, on a free port for port 0.
func (a *Actor) ListenShared(at netip.AddrPort, backlog int) *Socket {
	a.t.Helper()
	return a.socket(a.must(command{Op: "listen", IP: at.Addr().String(), Port: at.Port(), N: backlog, Opt: [3]int{0, 1}}))
}

func tryAccept(c *command) (answer, error) {
	poll := []unix.PollFd{{Fd: int32(c.FD), Events: unix.POLLIN}}
	for end := time.Now().Add(time.Duration(c.N) * time.Millisecond); ; {
		n, err := unix.Poll(poll, max(0, int(time.Until(end).Milliseconds())))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return answer{}, err
		case n == 0:
			return answer{}, unix.EAGAIN
		default:
			fd, _, err := unix.Accept4(c.FD, unix.SOCK_CLOEXEC)
			return tuple(fd), err
		}
	}
}
