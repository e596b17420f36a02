// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TakeError takes the error from the socket: getsockopt(SO_ERROR).
func (s *Socket) TakeError() syscall.Errno {
	s.Actor.t.Helper()
	return syscall.Errno(s.Actor.must(command{Op: "take-error", FD: s.FD}).N)
}

// DrainErrors reads the socket's error queue to its end.
func (s *Socket) DrainErrors() {
	s.Actor.t.Helper()
	s.Actor.must(command{Op: "drain-errors", FD: s.FD})
}

func drainErrors(fd int) error {
	for {
		_, _, _, _, err := unix.Recvmsg(fd, make([]byte, 64), make([]byte, 512), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// KernelBefore reports whether the running kernel is older than major.minor.
func KernelBefore(t testing.TB, major, minor int) bool {
	t.Helper()
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	var running [2]int
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &running[0], &running[1])
	require.NoError(t, err)
	return running[0] < major || running[0] == major && running[1] < minor
}
