// SPDX-License-Identifier: Apache-2.0

package port

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckNamesTheHolder(t *testing.T) {
	listener, err := net.Listen("tcp4", Join(0))
	require.NoError(t, err)
	used := listener.Addr().(*net.TCPAddr).Port

	err = Check(used)
	require.ErrorContains(t, err, "port "+strconv.Itoa(used)+" is in use")
	require.ErrorContains(t, err, "(pid "+strconv.Itoa(os.Getpid())+")")

	require.NoError(t, listener.Close())
	require.NoError(t, Check(used))
}

func TestCheckSeesAListenerOnEveryAddress(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	require.Error(t, Check(listener.Addr().(*net.TCPAddr).Port))
}

func TestFreeCanBeListenedOn(t *testing.T) {
	free, err := Free()
	require.NoError(t, err)
	require.NoError(t, Check(free))
}

func TestSeveralFreePortsDiffer(t *testing.T) {
	ports, err := FreeSeveral(200)
	require.NoError(t, err)
	seen := make(map[int]bool)
	for _, p := range ports {
		require.False(t, seen[p], p)
		seen[p] = true
		require.NoError(t, Check(p))
	}
}
