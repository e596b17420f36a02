// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Clock is the wall clock of a process that asks the kernel for it: clock_gettime(CLOCK_REALTIME) as a system call. Other clocks, and the
// wall clock of the machine, stay as they are, and so does Go's time.Now, which makes no system call.
type Clock struct {
	ahead atomic.Int64 // nanoseconds
	end   atomic.Bool
}

// Set makes the clock so far ahead of the machine's.
func (c *Clock) Set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

const (
	// clockedName is the name by which the test binary starts a program whose wall clock is the test's.
	clockedName = "lab-clocked"
	// handover is the descriptor of that process's socket.
	handover = 3
)

// Clocked changes a command, which has not started and keeps no files, so that its wall clock is the returned one. It needs root.
func Clocked(t testing.TB, cmd *exec.Cmd) *Clock {
	t.Helper()
	needRoot(t)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	theirs := os.NewFile(uintptr(pair[1]), "clock")
	cmd.Args = append([]string{clockedName, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = "/proc/self/exe", []*os.File{theirs}
	c, ended := &Clock{}, make(chan error, 1)
	go func() { ended <- c.serve(pair[0]) }()
	t.Cleanup(func() {
		c.end.Store(true)
		require.NoError(t, errors.Join(theirs.Close(), unix.Shutdown(pair[0], unix.SHUT_RDWR), <-ended, unix.Close(pair[0])))
	})
	return c
}

// runIfClocked runs the program that the arguments name, if this process was started for that.
func runIfClocked() bool {
	if filepath.Base(os.Args[0]) != clockedName {
		return false
	}
	runtime.LockOSThread() // a filter is its thread's
	err := func() error {
		listener, err := listenToClock()
		if err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
		if err := unix.Sendmsg(handover, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
			return err
		}
		return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}()
	fmt.Fprintln(os.Stderr, clockedName+":", err)
	return true
}

// listenToClock makes every reading of the wall clock by this thread, and by what it executes, wait for an answer on the listener.
func listenToClock() (listener int, err error) {
	const number, firstArgument = 0, 16 // in struct seccomp_data
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	answer := func(what uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
	}
	filter := []unix.SockFilter{load(number), unless(unix.SYS_CLOCK_GETTIME, 3), load(firstArgument), unless(unix.CLOCK_REALTIME, 1),
		answer(unix.SECCOMP_RET_USER_NOTIF), answer(unix.SECCOMP_RET_ALLOW)}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// reading is struct seccomp_notif, answered is struct seccomp_notif_resp.
type (
	reading struct {
		id         uint64
		pid, flags uint32
		number     int32
		arch       uint32
		at         uint64
		arguments  [6]uint64
	}
	answered struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}
)

// serve answers readings until the clock's end.
func (c *Clock) serve(socket int) error {
	var one [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, one[:], rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		return err // nothing was started
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	listener := fds[0]
	for !c.end.Load() {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 50); err != nil && !errors.Is(err, unix.EINTR) {
			return errors.Join(err, unix.Close(listener))
		} else if n > 0 && ready[0].Revents&unix.POLLIN == 0 {
			break // the process has ended
		} else if n > 0 {
			c.answer(listener)
		}
	}
	return unix.Close(listener)
}

// answer tells one reader the time. A reader that ended meanwhile needs none.
func (c *Clock) answer(listener int) {
	var r reading
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return
	}
	now := unix.NsecToTimespec(time.Now().Add(time.Duration(c.ahead.Load())).UnixNano())
	a := answered{id: r.id}
	local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(&now)), Len: uint64(unsafe.Sizeof(now))}}
	if _, err := unix.ProcessVMWritev(int(r.pid), local, []unix.RemoteIovec{{Base: uintptr(r.arguments[1]), Len: int(unsafe.Sizeof(now))}}, 0); err != nil {
		a.errno = -int32(unix.EFAULT)
	}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a)))
}
