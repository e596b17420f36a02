// SPDX-License-Identifier: Apache-2.0

package dirlock

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	time.AfterFunc(100*time.Millisecond, func() { _ = first.Release() })
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
