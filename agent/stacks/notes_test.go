// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuildID(t *testing.T) {
	gnu := gnuNote(t, kernelID)
	require.Equal(t, kernelID, buildID(gnu))
	require.Equal(t, kernelID, buildID(append(note(0x101, "Linux", make([]byte, 30)), gnu...)), "not the first note")
	require.Equal(t, "0a0b0c", buildID(note(noteGNU, "GNU", []byte{10, 11, 12})))
	for name, b := range map[string][]byte{
		"empty":           nil,
		"cut":             gnu[:len(gnu)-1],
		"another owner":   note(noteGNU, "GNX", []byte{1}),
		"another type":    note(1, "GNU", []byte{1}),
		"empty id":        note(noteGNU, "GNU", nil),
		"too long an id":  note(noteGNU, "GNU", make([]byte, 65)),
		"a length beyond": bytes.Repeat([]byte{0xff}, 64),
	} {
		require.Empty(t, buildID(b), name)
	}
}

// The oracle is Go's own ELF reader on the test binary: its build id section is such a note.
func TestBuildIDOfAnELFFile(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	f, err := elf.Open(exe)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	s := f.Section(".note.gnu.build-id")
	if s == nil {
		t.Skip("this toolchain leaves no GNU build id")
	}
	b, err := s.Data()
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(b[16:]), buildID(b))
}

func FuzzBuildID(f *testing.F) {
	f.Add(gnuNote(f, kernelID))
	f.Add(note(6, "Xen", []byte{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		id := buildID(b)
		require.LessOrEqual(t, len(id), 2*maxNoteID)
		if id != "" {
			raw, err := hex.DecodeString(id)
			require.NoError(t, err)
			require.True(t, bytes.Contains(b, raw))
		}
	})
}
