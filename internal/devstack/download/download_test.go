// SPDX-License-Identifier: Apache-2.0

package download

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/wait"
)

func TestDirFollowsXDG(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	dir, err := Dir()
	require.NoError(t, err)
	require.Equal(t, "/somewhere/tcpledger", dir)
}

func TestSealHoldsUntilTheFileChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("good"), 0o600))
	digest, err := SumFile(path, sha256.New())
	require.NoError(t, err)
	require.Equal(t, "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c", digest)

	require.False(t, Sealed(path, digest))
	require.NoError(t, Seal(path, digest))
	require.True(t, Sealed(path, digest))
	require.False(t, Sealed(path, "another digest"), "a new pin needs a new file")

	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1, 0)))
	require.False(t, Sealed(path, digest))
	require.NoError(t, os.WriteFile(path+".ok", []byte("{"), 0o600))
	require.False(t, Sealed(path, digest))
}

func TestALogGetsTwoLines(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, "unpacking the engine", 200e6)
	n, err := p.Write(make([]byte, 1e6))
	require.NoError(t, err)
	require.EqualValues(t, 1e6, n)
	p.Watch(t.TempDir(), nil) // has nothing to do, so it returns
	p.Done()
	require.Equal(t, "unpacking the engine (200 MB)…\nunpacking the engine (200 MB), done\n", out.String())
}

// A pseudo terminal shows what a person sees.
func TestATerminalGetsABar(t *testing.T) {
	master, terminal := pty(t)
	seen := make(chan string, 1000)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			if err != nil {
				close(seen)
				return
			}
			seen <- string(buffer[:n])
		}
	}()
	dir, stop := t.TempDir(), make(chan struct{})
	p := NewProgress(terminal, "downloading the engine", 1000)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "part"), make([]byte, 505), 0o600))
	watched := make(chan struct{})
	go func() { p.Watch(dir, stop); close(watched) }()
	await(t, seen, "50%")
	close(stop)
	<-watched
	p.Done()
	await(t, seen, "downloading the engine (0 MB), done")
}

// await reads from seen until text came.
func await(t *testing.T, seen <-chan string, text string) {
	t.Helper()
	var all strings.Builder
	deadline := time.After(wait.Long)
	for !strings.Contains(all.String(), text) {
		select {
		case some := <-seen:
			all.WriteString(some)
		case <-deadline:
			t.Fatalf("no %q in %q", text, all.String())
		}
	}
}

// pty opens a pseudo terminal.
func pty(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return master, terminal
}
