// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The id is what systemd makes of the machine's own for an application, and never the machine's own.
func TestMachineIDIsSystemds(t *testing.T) {
	tool, err := exec.LookPath("systemd-id128")
	if err != nil {
		t.Skip("no systemd-id128 here")
	}
	want, err := exec.Command(tool, "machine-id", "--app-specific="+machineApplication.String()).Output()
	if err != nil {
		t.Skipf("this machine has no id: %v", err)
	}
	got, err := machineID(machineIDFile)
	require.NoError(t, err)
	require.Equal(t, uuid.MustParse(strings.TrimSpace(string(want))).String(), got)
	own, err := os.ReadFile(machineIDFile)
	require.NoError(t, err)
	require.NotContains(t, strings.ReplaceAll(got, "-", ""), strings.TrimSpace(string(own)))
}

// Years later the same machine has the same id.
func TestMachineIDStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine-id")
	require.NoError(t, os.WriteFile(path, []byte("0123456789abcdef0123456789abcdef\n"), 0o600))
	got, err := machineID(path)
	require.NoError(t, err)
	require.Equal(t, "9c0400de-a9f1-4c70-a973-0d8d8b6c14ac", got)
}

// A machine that was never set up, a damaged file and a folder that a container runtime made have no id, and say so.
func TestNoMachineID(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "new": "uninitialized\n", "zero": strings.Repeat("0", 32), "short": "0123", "long": strings.Repeat("a", 1<<20),
		"binary": "\x00\xff", "uuid": "01234567-89ab-cdef-0123-456789abcdef"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		id, err := machineID(path)
		require.Empty(t, id, name)
		require.ErrorContains(t, err, "no machine id", name)
		require.Less(t, len(err.Error()), 300, name)
	}
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		id, err := machineID(path)
		require.Empty(t, id)
		require.Error(t, err)
	}
}
