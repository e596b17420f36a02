// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// act is the actor's loop: one JSON command a line, one socket call, one answer.
func act(in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	if err := resume(out); err != nil {
		return err
	}
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		do := perform
		if c.Thread != "" {
			do = onThread
		}
		ans, err := do(&c)
		var errno unix.Errno
		if errors.As(err, &errno) {
			ans.Errno = int(errno)
		} else if err != nil {
			return err
		}
		if err := answers.Encode(ans); err != nil {
			return err
		}
	}
	return lines.Err()
}

func perform(c *command) (answer, error) {
	switch c.Op {
	case "listen":
		return listen(c)
	case "accept":
		fd, _, err := unix.Accept4(c.FD, unix.SOCK_CLOEXEC)
		return tuple(fd), err
	case "open":
		fd, err := unix.Socket(family(c.IP), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, c.N)
		return answer{FD: fd}, err
	case "connect":
		err := unix.Connect(c.FD, sockaddr(c.IP, c.Port))
		return tuple(c.FD), err
	case "start-connect":
		if err := unix.SetNonblock(c.FD, true); err != nil {
			return answer{}, err
		}
		err := unix.Connect(c.FD, sockaddr(c.IP, c.Port))
		return tuple(c.FD), err
	case "bind":
		err := unix.Bind(c.FD, sockaddr(c.IP, c.Port))
		return tuple(c.FD), err
	case "unread":
		n, err := unix.IoctlGetInt(c.FD, unix.TIOCINQ)
		return answer{N: n}, err
	case "take-error":
		n, err := unix.GetsockoptInt(c.FD, unix.SOL_SOCKET, unix.SO_ERROR)
		return answer{N: n}, err
	case "fast-open":
		return fastOpen(c)
	case "restore":
		return restore(c.FD)
	case "hold-by-ring":
		return answer{}, holdByRing(c.FD)
	case "drain-errors":
		return answer{}, drainErrors(c.FD)
	case "try-accept":
		return tryAccept(c)
	case "storm":
		return storm(c)
	case "refusals":
		return refusals(c)
	case "fork":
		return fork(c)
	case "fill":
		return fill(c)
	case "pass", "take-listen", "take":
		return pass(c)
	case "write":
		return write(c)
	case "read":
		return read(c)
	case "wait":
		return answer{}, awaitHangup(c)
	}
	return answer{}, control(c)
}

// awaitHangup polls for an error or a hangup. A signal interrupts poll(2), and the Go runtime sends itself some: it goes on then.
func awaitHangup(c *command) error {
	for end := time.Now().Add(time.Duration(c.N) * time.Millisecond); ; {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(c.FD)}}, max(0, int(time.Until(end).Milliseconds())))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func control(c *command) error {
	switch c.Op {
	case "shutdown":
		return unix.Shutdown(c.FD, c.N)
	case "set":
		return unix.SetsockoptInt(c.FD, c.Opt[0], c.Opt[1], c.Opt[2])
	case "linger0":
		return unix.SetsockoptLinger(c.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	case "disconnect":
		return disconnect(c.FD)
	case "exec":
		return become(c)
	case "rename":
		return rename(c)
	case "reap":
		return reap(c)
	case "close":
		return unix.Close(c.FD)
	}
	return errors.New("unknown command")
}

func listen(c *command) (answer, error) {
	fd, err := unix.Socket(family(c.IP), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, c.Opt[0])
	if err != nil {
		return answer{}, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return answer{}, err
	}
	if c.Opt[1] != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return answer{}, err
		}
	}
	if err := unix.Bind(fd, sockaddr(c.IP, c.Port)); err != nil {
		return answer{}, err
	}
	return tuple(fd), unix.Listen(fd, c.N)
}

func write(c *command) (answer, error) {
	done := 0
	for done < c.N {
		n, err := unix.SendmsgN(c.FD, make([]byte, c.N-done), nil, nil, unix.MSG_NOSIGNAL)
		if err != nil {
			return answer{N: done}, err
		}
		done += n
	}
	return answer{N: done}, nil
}

func read(c *command) (answer, error) {
	buf, done := make([]byte, c.N), 0
	for done < c.N {
		n, err := unix.Read(c.FD, buf[done:])
		if err != nil || n == 0 {
			return answer{N: done}, err
		}
		done += n
	}
	return answer{N: done}, nil
}

func family(ip string) int {
	if netip.MustParseAddr(ip).Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(ip string, port uint16) unix.Sockaddr {
	a := netip.MustParseAddr(ip)
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
}

func tuple(fd int) answer {
	ans := answer{FD: fd}
	if fd < 0 {
		return ans
	}
	if sa, err := unix.Getsockname(fd); err == nil {
		ans.Local = addrPort(sa)
	}
	if sa, err := unix.Getpeername(fd); err == nil {
		ans.Remote = addrPort(sa)
	}
	return ans
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// disconnect is connect() to AF_UNSPEC, which the unix package has no address type for.
func disconnect(fd int) error {
	var unspecified [16]byte
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafePointer(&unspecified)), 16); errno != 0 {
		return errno
	}
	return nil
}

func unsafePointer(b *[16]byte) unsafe.Pointer { return unsafe.Pointer(b) }

// storm makes n connections to itself, each aborted by its client: two endings each, and no TIME_WAIT to run out of ports.
func storm(c *command) (answer, error) {
	l, err := listen(&command{IP: c.IP, N: 64})
	if err != nil {
		return answer{}, err
	}
	for i := range c.N {
		if err := abortOne(c.IP, l); err != nil {
			return answer{N: i}, err
		}
	}
	return answer{N: c.N}, unix.Close(l.FD)
}

func abortOne(ip string, l answer) error {
	client, err := unix.Socket(family(ip), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(client, sockaddr(ip, l.Local.Port())); err != nil {
		return err
	}
	server, _, err := unix.Accept4(l.FD, unix.SOCK_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if err := unix.Close(client); err != nil {
		return err
	}
	return unix.Close(server)
}
