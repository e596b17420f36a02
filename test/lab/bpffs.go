// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Pins mounts a bpffs until the test ends and gives a folder in it for an agent's pins.
func Pins(t testing.TB) string {
	t.Helper()
	mount := t.TempDir()
	require.NoError(t, unix.Mount("bpf", mount, "bpf", 0, "mode=0755"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(mount, unix.MNT_DETACH)) })
	dir := filepath.Join(mount, "tcpledger")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}
