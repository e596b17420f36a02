// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema/vocabulary"
)

func TestKindsFollowTheirTable(t *testing.T) {
	captured := 0
	for i := range vocabulary.Kinds {
		row := &vocabulary.Kinds[i]
		k := Kind(row.Number)
		require.Equal(t, row.Name, k.String())
		require.Equal(t, row.Event(), k.IsEvent(), row.Name)
		require.Equal(t, row.From == vocabulary.Kernel, k.FromKernel(), row.Name)
		require.Equal(t, row.Captured() && !row.Off, k.OnByDefault(), row.Name)
		require.Equal(t, row.Budget, k.Budget(), row.Name)
		parsed, err := ParseCaptureKind(row.Name)
		require.Equal(t, row.Captured(), err == nil, row.Name)
		if row.Captured() {
			require.Equal(t, k, parsed)
			require.Equal(t, k, CaptureKinds()[captured])
			captured++
		}
	}
	require.Len(t, CaptureKinds(), captured)
}

func TestANumberWithoutAKind(t *testing.T) {
	k := Kind(200)
	require.Equal(t, "kind_200", k.String())
	require.False(t, k.IsEvent() || k.FromKernel() || k.OnByDefault())
	require.Zero(t, k.Budget())
	_, err := ParseCaptureKind("nonsense")
	require.ErrorContains(t, err, "one of [connection reset_sent")
}

func TestNamesInTheTables(t *testing.T) {
	require.Equal(t, []string{"unknown", "client", "server", "unknown"}, []string{Role(0).String(), RoleClient.String(), RoleServer.String(), Role(9).String()})
	require.Equal(t, []string{"unknown", "tcp", "mptcp_subflow"}, []string{Flavour(0).String(), FlavourTCP.String(), FlavourMPTCPSubflow.String()})
	require.Equal(t, []string{"none", "local", "peer"}, []string{SideNone.String(), SideLocal.String(), SidePeer.String()})
	require.Equal(t, []string{"in", "out"}, []string{DirectionIn.String(), DirectionOut.String()})
	require.Equal(t, []string{"connect", "listener"}, []string{OwnerConnect.String(), OwnerListener.String()})
	require.Equal(t, []string{"v2", "memory"}, []string{CgroupV2.String(), CgroupMemory.String()})
	require.Equal(t, []string{"idle", "kernel_thread", "hardirq"}, []string{CtxIdle.String(), CtxKernelThread.String(), CtxHardirq.String()})
	require.Equal(t, "own_lingering", TotalOwn(KindLingering))
}
