// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"io/fs"
	"os"
	"strings"
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

// releasedLine compares a line with the one of a file that begins like it. TCPLEDGER_TEST_ADD_GOLDEN=1 adds it when there is none.
func releasedLine(t require.TestingT, path, begin, line string) {
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	for known := range strings.Lines(string(golden)) {
		if strings.HasPrefix(known, begin) {
			require.Equal(t, strings.TrimSuffix(known, "\n"), line, "%s was released and never changes", begin)
			return
		}
	}
	if os.Getenv("TCPLEDGER_TEST_ADD_GOLDEN") == "" {
		require.Fail(t, path+" has no line that begins with "+begin)
		return
	}
	require.NoError(t, os.WriteFile(path, append(golden, line+"\n"...), 0o644))
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
	require.NoError(t, os.WriteFile(path, []byte("a edition 1, first\n"), 0o644))
	v = verdict{}
	releasedLine(&v, path, "a edition 1,", "a edition 1, second")
	require.True(t, v.failed)
	releasedLine(t, path, "a edition 2,", "a edition 2, second")
	t.Setenv("TCPLEDGER_TEST_ADD_GOLDEN", "")
	v = verdict{}
	releasedLine(&v, path, "a edition 3,", "a edition 3, third")
	require.True(t, v.failed, "a line is only added on purpose")
	require.Equal(t, "a edition 1, first\na edition 2, second\n", stored(t, path, ""))
}
