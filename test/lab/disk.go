// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Disk mounts a file system of that size in memory until the test ends: "256m", "3g". It needs root.
func Disk(t testing.TB, size string) (dir string) {
	t.Helper()
	needRoot(t)
	dir = t.TempDir()
	require.NoError(t, unix.Mount("disk", dir, "tmpfs", 0, "mode=0700,size="+size))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// filler is the file that takes a disk's room.
const filler = "filler"

// FillDisk takes all the room of a disk.
func FillDisk(t testing.TB, dir string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, filler), os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	size := int64(0)
	for piece := int64(1 << 30); piece >= 4096; {
		if unix.Fallocate(int(file.Fd()), 0, size, piece) == nil {
			size += piece
		} else {
			piece /= 2
		}
	}
	require.NoError(t, file.Close())
}

// EmptyDisk gives the room back.
func EmptyDisk(t testing.TB, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, filler)); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
}
