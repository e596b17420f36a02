// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Steal makes a program take all that the host receives on that device, until the returned function is called. The kernel frees such
// a packet as if it had been used: no drop, as on a machine that nobody watches.
func (h *Host) Steal(t testing.TB, device string) func() {
	t.Helper()
	const stolen = 4                           // TC_ACT_STOLEN
	require.NoError(t, rlimit.RemoveMemlock()) // before 5.11 a program counts as locked memory
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "steal", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, stolen), asm.Return()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	n, err := netlink.NewHandleAt(h.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	t.Cleanup(n.Close)
	link, err := n.LinkByName(device)
	require.NoError(t, err)
	index := link.Attrs().Index
	queue := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
	require.NoError(t, n.QdiscAdd(queue))
	require.NoError(t, n.FilterAdd(&netlink.BpfFilter{Fd: program.FD(), Name: "steal", DirectAction: true,
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_ALL}}))
	return func() { require.NoError(t, n.QdiscDel(queue)) }
}
