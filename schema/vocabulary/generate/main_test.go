// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tracked files are what the tables give.
func TestGeneratedFilesAreFresh(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := generated(root)
	require.NoError(t, err)
	require.Len(t, files, 4)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run make generate", name)
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "MPTCPSubflow", camel("mptcp_subflow"))
	require.Equal(t, "ResetSent", camel("reset_sent"))
	require.Equal(t, "owner_how", snake("OwnerHow"))
}

// A page that lost its marks is not overwritten.
func TestPageWithoutMarks(t *testing.T) {
	_, err := withTotals("# no marks\n")
	require.ErrorIs(t, err, errMarks)
	_, err = withTotals(tableBegins + "no end")
	require.ErrorIs(t, err, errMarks)
	page, err := withTotals("before\n" + tableBegins + "old" + tableEnds + "after\n")
	require.NoError(t, err)
	require.Equal(t, "before\n"+tableBegins+totalsTable()+tableEnds+"after\n", string(page))
}
