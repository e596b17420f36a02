// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

// damage keeps Kafka from an agent until its spool has something, kills it and damages the newest segment.
func (s *stack) damage(kind string, p *part, how func(path string)) action {
	return action{kind, p, func() {
		heal := p.host.Cut(p.t)
		defer heal()
		require.Eventually(p.t, func() bool {
			s.requireAlive()
			newest := segments(p.t, p.spool)
			return len(newest) > 0 && len(rowsIn(p.t, newest[len(newest)-1])) > 1
		}, wait.Long, 50*time.Millisecond, "%s puts nothing on disk", p.name)
		p.kill()
		newest := segments(p.t, p.spool)
		require.NotEmpty(p.t, newest)
		how(newest[len(newest)-1])
	}, p.start}
}

// segments are the files of the spool with records, oldest first.
func segments(t testing.TB, spool string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(spool, "*events*", "*.v1"))
	require.NoError(t, err)
	slices.Sort(found)
	return found
}

// rows is where the rows of a frame are in its file.
type rows struct{ from, to int }

// rowsIn finds the rows of each whole frame, as docs/spool.md describes the file.
func rowsIn(t testing.TB, path string) (all []rows) {
	t.Helper()
	const head, key, before, length = 52, 6, 8, 12
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	for at := 0; at+head <= len(b) && string(b[at:at+4]) == "TLS1"; {
		from := at + head + int(binary.LittleEndian.Uint16(b[at+key:])) + int(binary.LittleEndian.Uint32(b[at+before:]))
		to := from + int(binary.LittleEndian.Uint32(b[at+length:]))
		if to > len(b) {
			break
		}
		if to > from {
			all = append(all, rows{from, to})
		}
		at = to
	}
	return all
}

// flip changes one bit in the rows of a frame.
func flip(t testing.TB, path string, random *rand.Rand) {
	t.Helper()
	all := rowsIn(t, path)
	one := all[random.IntN(len(all))]
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	at := int64(one.from + random.IntN(one.to-one.from))
	b := make([]byte, 1)
	_, err = file.ReadAt(b, at)
	require.NoError(t, err)
	b[0] ^= 1 << random.IntN(8)
	_, err = file.WriteAt(b, at)
	require.NoError(t, err)
}

// tear cuts the last frame off in the middle of its rows.
func tear(t testing.TB, path string, random *rand.Rand) {
	t.Helper()
	all := rowsIn(t, path)
	last := all[len(all)-1]
	require.NoError(t, os.Truncate(path, int64(last.from+random.IntN(last.to-last.from))))
}
