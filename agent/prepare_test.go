// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// prepared runs the command and returns what it says of its failure.
func prepared(t *testing.T, arguments ...string) string {
	t.Helper()
	cmd := rootCommand()
	cmd.SetArgs(append([]string{"prepare"}, arguments...))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		return err.Error()
	}
	return ""
}

func TestPrepareGivesAllThatIsInTheFolder(t *testing.T) {
	needPrivileges(t)
	place := t.TempDir()
	journal, secret := filepath.Join(place, "state"), filepath.Join(place, "secret")
	require.NoError(t, os.MkdirAll(filepath.Join(journal, "spool"), 0o755)) //nolint:gosec // what prepare finds
	require.NoError(t, os.WriteFile(filepath.Join(journal, "spool", "1"), nil, 0o600))
	require.NoError(t, os.WriteFile(secret, nil, 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(journal, "link")))

	require.Empty(t, prepared(t, "--user", "4242", "--pins", "none", "--journal", journal))
	for _, path := range []string{journal, filepath.Join(journal, "spool"), filepath.Join(journal, "spool", "1")} {
		is, err := idsOf(path)
		require.NoError(t, err)
		require.Equal(t, ids{4242, 4242}, is, path)
	}
	require.True(t, private(journal))
	is, err := idsOf(secret)
	require.NoError(t, err)
	require.Zero(t, is, "what a link names is not in the folder")

	require.Empty(t, prepared(t, "--pins", "none", "--journal", journal), "its owner, by default")
	is, err = idsOf(journal)
	require.NoError(t, err)
	require.Equal(t, ids{4242, 4242}, is)
}

func TestPrepareSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	missing := filepath.Join(folder, "missing")
	for want, arguments := range map[string][]string{
		"--user nobody-of-that-name: no such user":       {"--user", "nobody-of-that-name", "--journal", folder, "--pins", "none"},
		"whose are the folders? name the agent's --user": {"--journal", missing, "--pins", "none"},
		"tcpledger is not in a bpffs; mount one":         {"--user", "0", "--journal", folder, "--pins", filepath.Join(folder, "tcpledger")},
		"ask for the file system of " + missing:          {"--user", "0", "--journal", folder, "--pins", filepath.Join(missing, "tcpledger")},
		"an absolute path expected":                      {"--user", "0", "--journal", folder, "--pins", "tcpledger"},
		"--user -1: no such user":                        {"--user", "-1", "--journal", folder, "--pins", "none"},
	} {
		require.Contains(t, prepared(t, arguments...), want)
	}
	require.NoDirExists(t, missing)
}
