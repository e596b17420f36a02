// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/wait"
)

var ruleCount atomic.Int64

// actorPrefix begins the name of every actor's executable, which is how the test binary knows that it is one.
const actorPrefix = "act-"

// Actor is a process in a host's namespace that does one socket call for each command. Its comm is Comm, its executable Exe.
type Actor struct {
	Comm  string
	Exe   string
	PID   uint32
	Host  *Host
	t     testing.TB
	cmd   *exec.Cmd
	in    *json.Encoder
	out   *bufio.Scanner
	pipe  io.Closer
	ended bool
	// thread is the name of the thread that makes the calls; "" is the first thread.
	thread string
}

// command is one line to an actor, answer its line back.
type command struct {
	Op   string
	FD   int
	IP   string
	Port uint16
	N    int
	Opt  [3]int
	// Thread is the name of the thread that is to do it; "" is the process's first.
	Thread string
}

type answer struct {
	FD     int
	N      int
	Errno  int
	Local  netip.AddrPort
	Remote netip.AddrPort
}

// Actor starts an actor named comm (at most 11 characters) on the host.
func (h *Host) Actor(t testing.TB, comm string) *Actor {
	t.Helper()
	link, self := linkTo(t, comm)
	a := &Actor{Comm: actorPrefix + comm, Exe: self, Host: h, t: t, cmd: exec.Command(link)}
	a.cmd.Stderr = os.Stderr
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := a.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := a.cmd.StdoutPipe()
	require.NoError(t, err)
	started := make(chan error)
	h.startOn(started, a.cmd)
	require.NoError(t, <-started)
	a.PID, a.in, a.out, a.pipe = uint32(a.cmd.Process.Pid), json.NewEncoder(in), bufio.NewScanner(out), in
	t.Cleanup(a.End)
	return a
}

// RunIfActor reports whether the process is an actor, after it has done an actor's work. TestMain then returns.
func RunIfActor() bool {
	if runIfClocked() {
		return true
	}
	if !strings.HasPrefix(filepath.Base(os.Args[0]), actorPrefix) {
		return false
	}
	if err := act(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
	}
	return true
}

func (a *Actor) do(c command) answer {
	a.t.Helper()
	c.Thread = a.thread
	require.NoError(a.t, a.in.Encode(c), "%s: %s", a.Comm, c.Op)
	require.True(a.t, a.out.Scan(), "%s died in %s", a.Comm, c.Op)
	var ans answer
	require.NoError(a.t, json.Unmarshal(a.out.Bytes(), &ans))
	return ans
}

// must does c and wants no error.
func (a *Actor) must(c command) answer {
	a.t.Helper()
	ans := a.do(c)
	require.Zero(a.t, ans.Errno, "%s: %s: %v", a.Comm, c.Op, syscall.Errno(ans.Errno))
	return ans
}

// End lets the actor exit by itself; its sockets close as the process exits.
func (a *Actor) End() { a.finish(func() { _ = a.pipe.Close() }) }

// Kill ends the actor with SIGKILL.
func (a *Actor) Kill() { a.finish(func() { _ = unix.Kill(int(a.PID), unix.SIGKILL) }) }

// finish waits until the process has ended. The end of its output shows that a forked actor has ended.
func (a *Actor) finish(how func()) {
	if a.ended {
		return
	}
	a.ended = true
	how()
	done := make(chan struct{})
	go func() {
		if a.cmd != nil {
			_ = a.cmd.Wait()
		} else {
			for a.out.Scan() {
			}
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(wait.Long):
		_ = unix.Kill(int(a.PID), unix.SIGKILL)
		<-done
	}
}

// Socket is an actor's descriptor with the tuple it had when it was connected or accepted.
type Socket struct {
	Actor  *Actor
	FD     int
	Local  netip.AddrPort
	Remote netip.AddrPort
	Errno  syscall.Errno
}

func (a *Actor) socket(ans answer) *Socket {
	return &Socket{Actor: a, FD: ans.FD, Local: ans.Local, Remote: ans.Remote, Errno: syscall.Errno(ans.Errno)}
}

// Listen listens on a free port of ip with that backlog.
func (a *Actor) Listen(ip netip.Addr, backlog int) *Socket {
	a.t.Helper()
	return a.socket(a.must(command{Op: "listen", IP: ip.String(), N: backlog}))
}

// Accept accepts one connection.
func (s *Socket) Accept() *Socket {
	s.Actor.t.Helper()
	return s.Actor.socket(s.Actor.must(command{Op: "accept", FD: s.FD}))
}

// Open makes an unconnected socket of ip's family.
func (a *Actor) Open(ip netip.Addr) *Socket {
	a.t.Helper()
	return a.socket(a.must(command{Op: "open", IP: ip.String()}))
}

// Connect connects, waits for the result and puts it in Errno. It refreshes the tuple.
func (s *Socket) Connect(to netip.AddrPort) *Socket {
	s.Actor.t.Helper()
	return s.connect("connect", to)
}

// StartConnect connects without waiting.
func (s *Socket) StartConnect(to netip.AddrPort) *Socket {
	s.Actor.t.Helper()
	return s.connect("start-connect", to)
}

func (s *Socket) connect(op string, to netip.AddrPort) *Socket {
	ans := s.Actor.do(command{Op: op, FD: s.FD, IP: to.Addr().String(), Port: to.Port()})
	s.Errno = syscall.Errno(ans.Errno)
	if ans.Local.IsValid() {
		s.Local = ans.Local
	}
	s.Remote = to
	return s
}

// Dial opens and connects, and wants success.
func (a *Actor) Dial(to netip.AddrPort) *Socket {
	a.t.Helper()
	s := a.Open(to.Addr()).Connect(to)
	require.Zero(a.t, s.Errno, "connect %s: %v", to, s.Errno)
	return s
}

// Write writes n bytes.
func (s *Socket) Write(n int) { s.Actor.t.Helper(); s.Actor.must(command{Op: "write", FD: s.FD, N: n}) }

// TryWrite writes n bytes and returns the error, if any.
func (s *Socket) TryWrite(n int) syscall.Errno {
	return syscall.Errno(s.Actor.do(command{Op: "write", FD: s.FD, N: n}).Errno)
}

// Read reads n bytes, or to the end of the stream or a reset. It returns the number of bytes read.
func (s *Socket) Read(n int) int { return s.Actor.do(command{Op: "read", FD: s.FD, N: n}).N }

// Shutdown ends a direction: unix.SHUT_RD, SHUT_WR or SHUT_RDWR.
func (s *Socket) Shutdown(how int) {
	s.Actor.t.Helper()
	s.Actor.must(command{Op: "shutdown", FD: s.FD, N: how})
}

// Set sets an integer socket option.
func (s *Socket) Set(level, name, value int) {
	s.Actor.t.Helper()
	s.Actor.must(command{Op: "set", FD: s.FD, Opt: [3]int{level, name, value}})
}

// Linger0 sets SO_LINGER with time 0.
func (s *Socket) Linger0() { s.Actor.t.Helper(); s.Actor.must(command{Op: "linger0", FD: s.FD}) }

// Disconnect connects to AF_UNSPEC.
func (s *Socket) Disconnect() { s.Actor.t.Helper(); s.Actor.must(command{Op: "disconnect", FD: s.FD}) }

// Close closes the descriptor.
func (s *Socket) Close() { s.Actor.t.Helper(); s.Actor.must(command{Op: "close", FD: s.FD}) }

// Wait waits until the socket has an error or a hangup, for at most timeout.
func (s *Socket) Wait(timeout time.Duration) {
	s.Actor.do(command{Op: "wait", FD: s.FD, N: int(timeout.Milliseconds())})
}

// String names the socket by its process and both its ends.
func (s *Socket) String() string { return fmt.Sprintf("%s %s > %s", s.Actor.Comm, s.Local, s.Remote) }

// Bind binds to a free port of ip and refreshes the tuple.
func (s *Socket) Bind(ip netip.Addr) {
	s.Actor.t.Helper()
	s.Local = s.Actor.must(command{Op: "bind", FD: s.FD, IP: ip.String()}).Local
}

// Unread is how many bytes wait to be read.
func (s *Socket) Unread() int { return s.Actor.do(command{Op: "unread", FD: s.FD}).N }

// Storm makes n connections of the actor to itself on ip, each aborted by its client with a reset.
func (a *Actor) Storm(ip netip.Addr, n int) {
	a.t.Helper()
	a.must(command{Op: "storm", IP: ip.String(), N: n})
}

// Fill writes until the socket is full. It returns the number of bytes written.
func (s *Socket) Fill() int { s.Actor.t.Helper(); return s.Actor.must(command{Op: "fill", FD: s.FD}).N }

// PassTo passes the descriptor to another actor on the same host and returns that actor's socket. It closes the first
// actor's descriptor.
func (s *Socket) PassTo(to *Actor) *Socket {
	s.Actor.t.Helper()
	file := filepath.Join(s.Actor.t.TempDir(), "pass")
	door := to.must(command{Op: "take-listen", IP: file})
	s.Actor.must(command{Op: "pass", FD: s.FD, IP: file})
	taken := *s
	taken.Actor, taken.FD = to, to.must(command{Op: "take", FD: door.FD}).FD
	return &taken
}

// OpenMPTCP makes an unconnected MPTCP socket of ip's family; ListenMPTCP one that listens.
func (a *Actor) OpenMPTCP(ip netip.Addr) *Socket {
	a.t.Helper()
	return a.socket(a.must(command{Op: "open", IP: ip.String(), N: protocolMPTCP}))
}

// ListenMPTCP listens for MPTCP, which plain TCP clients are answered by too.
func (a *Actor) ListenMPTCP(ip netip.Addr, backlog int) *Socket {
	a.t.Helper()
	return a.socket(a.must(command{Op: "listen", IP: ip.String(), N: backlog, Opt: [3]int{protocolMPTCP}}))
}

// protocolMPTCP is IPPROTO_MPTCP.
const protocolMPTCP = 262

// BindTo binds to that port of ip, shared with connections in TIME_WAIT.
func (s *Socket) BindTo(at netip.AddrPort) {
	s.Actor.t.Helper()
	s.Set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	s.Local = s.Actor.must(command{Op: "bind", FD: s.FD, IP: at.Addr().String(), Port: at.Port()}).Local
}
