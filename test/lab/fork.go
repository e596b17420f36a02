// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inheritedFD is the number a forked actor has its inherited descriptor under.
const inheritedFD = 3

// Inherit forks a child of the socket's actor, named comm. The child inherits the descriptor and the parent keeps it. The
// child takes commands from the test itself and outlives its parent.
func (s *Socket) Inherit(comm string) *Socket {
	t := s.Actor.t
	t.Helper()
	link, self := linkTo(t, comm)
	require.NoError(t, unix.Mkfifo(link+".in", 0o600))
	require.NoError(t, unix.Mkfifo(link+".out", 0o600))
	in, err := os.OpenFile(link+".in", os.O_RDWR, 0)
	require.NoError(t, err)
	out, err := os.OpenFile(link+".out", os.O_RDONLY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	child := &Actor{Comm: actorPrefix + comm, Exe: self, Host: s.Actor.Host, t: t, in: json.NewEncoder(in), out: bufio.NewScanner(out), pipe: in}
	child.PID = uint32(s.Actor.must(command{Op: "fork", FD: s.FD, IP: link}).N)
	t.Cleanup(func() { child.End(); _ = out.Close() })
	heir := *s
	heir.Actor, heir.FD = child, inheritedFD
	return &heir
}

// Thread returns the same process, which makes each call in a new thread of that name.
func (a *Actor) Thread(name string) *Actor {
	other := *a
	other.thread = name
	return &other
}

// On returns the same descriptor, used by another thread of the same process (Thread).
func (s *Socket) On(a *Actor) *Socket {
	other := *s
	other.Actor = a
	return &other
}

// fork starts the child that IP names as a link to this program; it reads commands from one FIFO beside the link and answers in another.
func fork(c *command) (answer, error) {
	in, err := unix.Open(c.IP+".in", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return answer{}, err
	}
	out, err := unix.Open(c.IP+".out", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return answer{}, err
	}
	files := []uintptr{uintptr(in), uintptr(out), 2, uintptr(c.FD)}
	pid, err := syscall.ForkExec(c.IP, []string{c.IP}, &syscall.ProcAttr{Env: os.Environ(), Files: files})
	return answer{N: pid}, errors.Join(err, unix.Close(in), unix.Close(out))
}

// onThread performs c in a thread of that name, which is not the process's first one and ends with it.
func onThread(c *command) (answer, error) {
	type result struct {
		ans answer
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		name := append([]byte(c.Thread), 0)
		if unix.Gettid() == unix.Getpid() {
			done <- result{err: errors.New("the first thread, whose name is the process's")}
			return
		}
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
			done <- result{err: err}
			return
		}
		ans, err := perform(c)
		done <- result{ans, err}
	}()
	r := <-done
	return r.ans, r.err
}
