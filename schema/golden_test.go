// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// stored reads a file of what was released: databases and topics have it. TCPLEDGER_TEST_ADD_GOLDEN=1 adds text when the file is
// missing; no switch rewrites one.
func stored(t require.TestingT, path, text string) string {
	golden, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("TCPLEDGER_TEST_ADD_GOLDEN") != "" {
		golden, err = []byte(text), os.WriteFile(path, []byte(text), 0o644)
	}
	require.NoError(t, err)
	return string(golden)
}

// released compares text with what was released.
func released(t require.TestingT, path, text string) {
	require.Equal(t, stored(t, path, text), text, "%s was released and never changes", path)
}

// generated compares text with a page that comes from the code. TCPLEDGER_TEST_WRITE_GOLDEN=1 writes it anew.
func generated(t *testing.T, path, text string) {
	t.Helper()
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), text, "run make generate")
}

// verdict is a test that may fail without failing this one.
type verdict struct{ failed bool }

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { v.failed = true }

// The switch that writes pages anew leaves released files alone, and so does the one that adds them.
func TestNoSwitchRewritesWhatWasReleased(t *testing.T) {
	path := t.TempDir() + "/released"
	t.Setenv("TCPLEDGER_TEST_WRITE_GOLDEN", "1")
	t.Setenv("TCPLEDGER_TEST_ADD_GOLDEN", "")
	var v verdict
	released(&v, path, "first")
	require.True(t, v.failed, "a file is only added on purpose")
	t.Setenv("TCPLEDGER_TEST_ADD_GOLDEN", "1")
	released(t, path, "first")
	v = verdict{}
	released(&v, path, "second")
	require.True(t, v.failed)
	require.Equal(t, "first", stored(t, path, "second"))
}
