// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// The sockets of a redirect: what the first sends, the second receives.
const (
	redirectFrom = uint32(0)
	redirectTo   = uint32(1)
)

// redirecting makes a sockmap whose program hands what a socket in it sends to the socket at redirectTo, past TCP.
func redirecting(t testing.TB) *ebpf.Map {
	t.Helper()
	require.NoError(t, rlimit.RemoveMemlock()) // before 5.11 a map counts as locked memory
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Name: "redirect", Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EINVAL) {
		t.Skip("this kernel has no sockmap")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = sockets.Close() })
	const ingress = 1 // BPF_F_INGRESS
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "redirect", Type: ebpf.SkMsg, AttachType: ebpf.AttachSkMsgVerdict, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R2, sockets.FD()),
			asm.Mov.Imm(asm.R3, int32(redirectTo)),
			asm.Mov.Imm(asm.R4, ingress),
			asm.FnMsgRedirectMap.Call(),
			asm.Return(),
		}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	require.NoError(t, link.RawAttachProgram(link.RawAttachProgramOptions{Target: sockets.FD(), Program: program, Attach: ebpf.AttachSkMsgVerdict}))
	return sockets
}

// put puts an actor's socket into a sockmap.
func put(t testing.TB, sockets *ebpf.Map, key uint32, s *lab.Socket) {
	t.Helper()
	process, err := unix.PidfdOpen(int(s.Actor.PID), 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(process)) }()
	fd, err := unix.PidfdGetfd(process, s.FD, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	require.NoError(t, sockets.Update(key, uint32(fd), ebpf.UpdateAny))
}

// TestSockmapIsMarked: a BPF program hands data from one socket to another. TCP counts none of it, and the rows say so.
func TestSockmapIsMarked(t *testing.T) {
	const redirected = 5000
	w := watching(t)
	type ran struct {
		client, server *lab.Socket
		in             namespace
	}
	var all []ran
	for _, address := range []string{"127.0.0.1", "::1"} {
		world, sockets := lab.New(t), redirecting(t)
		listener := world.A.Actor(t, "server").Listen(netip.MustParseAddr(address), 4)
		client := world.A.Actor(t, "client").Dial(listener.Local)
		server := listener.Accept()
		client.Write(greeting)
		require.Equal(t, greeting, server.Read(greeting))
		put(t, sockets, redirectFrom, client)
		put(t, sockets, redirectTo, server)
		client.Write(redirected)
		require.Equal(t, redirected, server.Read(redirected))
		client.Close()
		server.Read(1)
		server.Close()
		all = append(all, ran{client, server, namespaceOf(t, world.A)})
	}
	w.stop()
	for _, r := range all {
		rows := w.rows(r.in)
		require.Len(t, rows, 2)
		for _, c := range rows {
			require.EqualValues(t, greeting, c.BytesSent()+c.BytesReceived(c.Flags.Has(schema.FlagFinReceived)), "%+v", c)
			// close() takes the socket out of the map first: what is left is the write, which 6.3 shows.
			if c.Role == schema.RoleClient && lab.KernelBefore(t, 6, 3) {
				continue
			}
			require.True(t, c.Flags.Has(schema.FlagSockmap), "%+v", c)
		}
	}
}

// greeting is how much goes through TCP.
const greeting = 100
