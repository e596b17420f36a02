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
	require.Len(t, files, 3+len(pages))
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

// A page that lost its marks is not written over.
func TestPageWithoutMarks(t *testing.T) {
	for _, p := range pages {
		for _, text := range []string{"# no marks\n", p.begins() + "no end", p.ends()} {
			_, err := p.fill(text)
			require.ErrorContains(t, err, p.path)
		}
		text, err := p.fill("before\n" + p.begins() + "old" + p.ends() + "after\n")
		require.NoError(t, err)
		require.Equal(t, "before\n"+p.begins()+p.table()+p.ends()+"after\n", string(text))
		_, err = p.read(t.TempDir())
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
