// SPDX-License-Identifier: Apache-2.0

// Package dirlock makes sure that a data directory has one user at a time.
//
// It is not gofrs/flock (v0.13.2): that keeps its file to itself, and a child process must be able to go on holding the lock
// when the process that took it is killed.
package dirlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tcpledger/internal/retry"
)

// fileName is the lock's file in the directory. It stays there: removing it would let two processes lock two files.
const fileName = ".tcpledger.lock"

// ErrHeld is wrapped when another process has the directory.
var ErrHeld = errors.New("in use by another process")

// Lock is one held directory. The kernel gives it up when the process ends, however that happens.
type Lock struct {
	file *os.File
}

// Acquire creates dir if it is missing, makes sure that it can be written, and locks it. As long as another process has it,
// Acquire tries again until ctx is done; then its error wraps ErrHeld and names the holder.
func Acquire(ctx context.Context, dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	if err := flock(ctx, file); err != nil {
		holder := readHolder(file)
		if closeErr := file.Close(); closeErr != nil {
			return nil, fmt.Errorf("data directory %s: %w", dir, closeErr)
		}
		return nil, fmt.Errorf("data directory %s%s: %w", dir, holder, err)
	}
	if err := writeHolder(file); err != nil {
		_ = file.Close() // the write error is the one to tell
		return nil, fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	return &Lock{file: file}, nil
}

// File is the open lock file. A child process that gets it holds the directory too, until both have ended.
func (l *Lock) File() *os.File { return l.file }

// Release gives the directory up.
func (l *Lock) Release() error {
	return l.file.Close()
}

// tryEvery is how often a directory that another process has is tried again.
var tryEvery = retry.Policy{First: 20 * time.Millisecond}

// flock locks the file; its error wraps ErrHeld if another process has the lock until ctx is done.
func flock(ctx context.Context, file *os.File) error {
	err := retry.Until(ctx, tryEvery, nil, func(context.Context) error {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return retry.Permanent(err)
		}
		return err
	})
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readHolder(file *os.File) string {
	buf := make([]byte, 32)
	n, err := file.ReadAt(buf, 0)
	if pid := strings.TrimSpace(string(buf[:n])); pid != "" && (err == nil || n > 0) {
		return " (held by pid " + pid + ")"
	}
	return ""
}
