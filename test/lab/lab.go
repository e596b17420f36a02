// SPDX-License-Identifier: Apache-2.0

// Package lab makes real TCP endings of which the test knows the truth. A lab is two network namespaces, joined by a veth pair.
// Actors are processes in them; an actor makes one socket call for each command.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace with its addresses on the wire between the two.
type Host struct {
	Name string
	IPv4 netip.Addr
	IPv6 netip.Addr
	NS   netns.NsHandle
}

// Lab is two hosts on one wire.
type Lab struct{ A, B *Host }

// New makes the namespaces, which end with the test. It needs root.
func New(t testing.TB) *Lab {
	t.Helper()
	needRoot(t)
	surround(t)
	lab := &Lab{
		A: &Host{Name: "a", IPv4: netip.MustParseAddr("10.77.0.1"), IPv6: netip.MustParseAddr("fd77::1"), NS: newNamespace(t)},
		B: &Host{Name: "b", IPv4: netip.MustParseAddr("10.77.0.2"), IPv6: netip.MustParseAddr("fd77::2"), NS: newNamespace(t)},
	}
	lab.wire(t)
	for _, h := range []*Host{lab.A, lab.B} {
		keep(h.Inode(t), h.Cookie(t))
	}
	return lab
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED") != "" {
		t.Fatal("root is needed to make network namespaces")
	}
	t.Skip("root is needed to make network namespaces")
}

// newNamespace makes a network namespace. The handle is closed when the test ends; processes in the namespace keep it alive.
func newNamespace(t testing.TB) netns.NsHandle {
	t.Helper()
	type made struct {
		ns  netns.NsHandle
		err error
	}
	done := make(chan made)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := netns.New()
		done <- made{ns, err}
	}()
	m := <-done
	require.NoError(t, m.err)
	t.Cleanup(func() { _ = m.ns.Close() })
	return m.ns
}

// wire joins the hosts. It makes both ends of the pair inside A, so that the machine's own namespace never has either.
func (l *Lab) wire(t testing.TB) {
	t.Helper()
	a, err := netlink.NewHandleAt(l.A.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer a.Close()
	b, err := netlink.NewHandleAt(l.B.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, a.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wire"}, PeerName: "far"}))
	far, err := a.LinkByName("far")
	require.NoError(t, err)
	require.NoError(t, a.LinkSetNsFd(far, int(l.B.NS)))
	far, err = b.LinkByName("far")
	require.NoError(t, err)
	require.NoError(t, b.LinkSetName(far, "wire"))
	l.A.configure(t, a, "wire")
	l.B.configure(t, b, "wire")
	QuickAck(t, a)
	QuickAck(t, b)
}

// configure gives the host's addresses to the link of that name and sets it up.
func (h *Host) configure(t testing.TB, n *netlink.Handle, name string) {
	t.Helper()
	lo, err := n.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, n.LinkSetUp(lo))
	wire, err := n.LinkByName(name)
	require.NoError(t, err)
	for _, a := range []string{h.IPv4.String() + "/24", h.IPv6.String() + "/64"} {
		addr, err := netlink.ParseAddr(a)
		require.NoError(t, err)
		addr.Flags |= unix.IFA_F_NODAD
		require.NoError(t, n.AddrAdd(wire, addr))
	}
	require.NoError(t, n.LinkSetUp(wire))
}

// Inode is the namespace's inode number, as `lsns -t net` prints it.
func (h *Host) Inode(t testing.TB) uint32 {
	t.Helper()
	var s unix.Stat_t
	require.NoError(t, unix.Fstat(int(h.NS), &s))
	return uint32(s.Ino)
}

// Cookie returns the namespace's cookie. The kernel reuses inode numbers but never cookies. It is 0 on a kernel before 5.14,
// which shows none.
func (h *Host) Cookie(t testing.TB) uint64 {
	t.Helper()
	var cookie uint64
	var err error
	h.In(t, func() {
		var fd int
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		err = errors.Join(err, unix.Close(fd))
	})
	if errors.Is(err, unix.ENOPROTOOPT) {
		return 0
	}
	require.NoError(t, err)
	return cookie
}

// In runs f on a thread that is in the host's namespace.
func (h *Host) In(t testing.TB, f func()) {
	t.Helper()
	require.NoError(t, h.in(f))
}

func (h *Host) in(f func()) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, its namespace with it
		err := netns.Set(h.NS)
		if err == nil {
			f()
		}
		done <- err
	}()
	return <-done
}

// Dial connects from the host, also after the test, as a client does that still tries: then it fails.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	failed := h.in(func() { conn, err = (&net.Dialer{}).DialContext(ctx, network, address) })
	return conn, errors.Join(failed, err)
}

// Run runs a program in the host's namespace and returns its output.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out []byte
	var err error
	h.In(t, func() { out, err = exec.Command(name, args...).CombinedOutput() })
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// Sysctl sets one of the namespace's own settings, e.g. "net/ipv4/tcp_fin_timeout".
func (h *Host) Sysctl(t testing.TB, path, value string) {
	t.Helper()
	var err error
	h.In(t, func() {
		err = os.WriteFile(filepath.Join("/proc/sys", path), []byte(value), 0o644)
	})
	require.NoError(t, err)
}

// Drop makes the host drop what matches an nftables expression on its way in ("input") or out ("output"), silently, until
// the returned function is called.
func (h *Host) Drop(t testing.TB, hook, match string) func() {
	t.Helper()
	return h.rule(t, hook, match+" drop")
}

// Reject makes the host answer what matches with an ICMP error of that type.
func (h *Host) Reject(t testing.TB, hook, match, with string) func() {
	t.Helper()
	return h.rule(t, hook, match+" reject with "+with)
}

func (h *Host) rule(t testing.TB, hook, rule string) func() {
	t.Helper()
	table := fmt.Sprintf("t%d", ruleCount.Add(1))
	h.Run(t, "nft", fmt.Sprintf("add table inet %s; add chain inet %s c { type filter hook %s priority 0; }; add rule inet %s c %s", table, table, hook, table, rule))
	return func() { h.Run(t, "nft", "delete table inet "+table) }
}

// startOn starts cmd in the host's namespace. The thread lives as long as the process: a parent-death signal is the
// thread's.
func (h *Host) startOn(started chan<- error, cmd *exec.Cmd) {
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(h.NS); err != nil {
			started <- err
			return
		}
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		}
	}()
}

// HasMPTCP says whether the kernel makes MPTCP sockets in the host's namespace.
func (h *Host) HasMPTCP(t testing.TB) bool {
	t.Helper()
	var err error
	h.In(t, func() {
		var fd int
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocolMPTCP); err == nil {
			err = unix.Close(fd)
		}
	})
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOPROTOOPT) {
		return false
	}
	require.NoError(t, err)
	return true
}
