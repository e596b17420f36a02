// SPDX-License-Identifier: Apache-2.0

package dirlock

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

func TestOneHolderAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := Acquire(t.Context(), dir)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Acquire(ctx, dir)
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.ErrorContains(t, err, dir)

	require.NoError(t, first.Release())
	again, err := Acquire(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, again.Release())
}

func TestWaitsForTheHolderToGo(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(t.Context(), dir)
	require.NoError(t, err)
	waiting, cancel := context.WithCancel(t.Context())
	defer cancel()
	acquired := make(chan *Lock)
	go func() {
		second, err := Acquire(waiting, dir)
		assert.NoError(t, err)
		acquired <- second
	}()
	// The waiting goroutine opens the lock file a second time: from then on it tries, and must not succeed.
	require.Eventually(t, func() bool { return opened(t, dir) == 2 }, wait.Long, time.Millisecond)
	for range 10 {
		select {
		case <-acquired:
			t.Fatal("acquired while another has it")
		case <-time.After(tryEvery.First):
		}
	}
	require.NoError(t, first.Release())
	require.NoError(t, (<-acquired).Release())
}

// opened counts this process's descriptors of the directory's lock file.
func opened(t *testing.T, dir string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == filepath.Join(dir, fileName) {
			n++
		}
	}
	return n
}

// A process that was killed leaves the lock to its child.
func TestAChildGoesOnHolding(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(t.Context(), dir)
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), "cat")
	child.ExtraFiles = []*os.File{first.File()}
	input, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.NoError(t, first.Release())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Acquire(ctx, dir)
	require.ErrorIs(t, err, ErrHeld)
	require.NoError(t, input.Close())
	require.NoError(t, child.Wait())
	second, err := Acquire(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, second.Release())
}

func TestAFileInPlaceOfTheDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Acquire(t.Context(), filepath.Join(file, "data"))
	require.ErrorContains(t, err, "data directory "+file)
	_, err = Acquire(t.Context(), file)
	require.ErrorContains(t, err, "data directory "+file)
}
