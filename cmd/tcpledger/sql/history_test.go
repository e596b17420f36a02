// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistory(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	h, err := historyFile()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(state, "tcpledger", "sql_history"), h.path)
	lines, err := h.read()
	require.NoError(t, err)
	require.Empty(t, lines)

	require.NoError(t, h.add("SELECT 1;"))
	require.NoError(t, h.add("SELECT 'ü';"))
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	require.Equal(t, os.FileMode(0o600), mode(h.path))
	require.Equal(t, os.FileMode(0o700), mode(filepath.Dir(h.path)))
	lines, err = h.read()
	require.NoError(t, err)
	require.Equal(t, []string{"SELECT 1;", "SELECT 'ü';"}, lines)

	require.NoError(t, os.Chmod(h.path, 0o644))
	for i := range 2*maxHistory + 1 {
		require.NoError(t, h.add(fmt.Sprintf("SELECT %d;", i)))
	}
	require.Equal(t, os.FileMode(0o600), mode(h.path), "a file that others could read is closed to them")
	lines, err = h.read()
	require.NoError(t, err)
	require.Len(t, lines, maxHistory)
	require.Equal(t, fmt.Sprintf("SELECT %d;", 2*maxHistory), lines[maxHistory-1])
	again, err := h.read()
	require.NoError(t, err)
	require.Equal(t, lines, again, "the file was cut")
	require.Equal(t, os.FileMode(0o600), mode(h.path))
}

func TestHistoryOfAnyFile(t *testing.T) {
	h := history{filepath.Join(t.TempDir(), "history")}
	require.NoError(t, os.WriteFile(h.path, []byte("\n\nSELECT 1;\n\xff\nSELECT 2;"), 0o600))
	lines, err := h.read()
	require.NoError(t, err)
	require.Equal(t, []string{"SELECT 1;", "SELECT 2;"}, lines)
	_, err = history{t.TempDir()}.read()
	require.Error(t, err)
	require.Error(t, history{filepath.Join(h.path, "x")}.add("SELECT 1;"))
}
