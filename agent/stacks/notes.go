// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
)

const (
	maxNotes  = 64 << 10 // of a notes file that is read
	noteAlign = 4
	noteGNU   = 3 // NT_GNU_BUILD_ID
	maxNoteID = 64
)

// buildID reads ELF notes (native byte order) and gives the GNU build id in hex, "" for none.
func buildID(notes []byte) string {
	for len(notes) >= 12 {
		nameLen := uint64(binary.NativeEndian.Uint32(notes))
		descLen := uint64(binary.NativeEndian.Uint32(notes[4:]))
		kind := binary.NativeEndian.Uint32(notes[8:])
		rest := notes[12:]
		descAt := aligned(nameLen)
		if descAt > uint64(len(rest)) || descLen > uint64(len(rest))-descAt {
			return ""
		}
		desc := rest[descAt : descAt+descLen]
		if kind == noteGNU && string(rest[:nameLen]) == "GNU\x00" && descLen > 0 && descLen <= maxNoteID {
			return hex.EncodeToString(desc)
		}
		notes = rest[min(descAt+aligned(descLen), uint64(len(rest))):]
	}
	return ""
}

func aligned(n uint64) uint64 { return (n + noteAlign - 1) &^ (noteAlign - 1) }

// noteOf gives the build id of a module, of vmlinux for "". Read from sysfs.
func noteOf(root fs.FS, module string) string {
	path := "sys/kernel/notes"
	if module != "" {
		path = "sys/module/" + module + "/notes/.note.gnu.build-id"
	}
	return buildID(readBounded(root, path, maxNotes))
}

// readBounded gives at most maxBytes of a file, none if it cannot be read.
func readBounded(root fs.FS, path string, maxBytes int64) []byte {
	f, err := root.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxBytes))
	if err != nil {
		return nil
	}
	return b
}
