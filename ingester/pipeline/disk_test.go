// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/schema"
)

// A disk without room, be it for bytes or for files, is waited for: nothing ends, and every row is there when it has room again.
func TestDiskIsFull(t *testing.T) {
	options := clickhousetest.Options(t)
	if err := unix.Mount("tmpfs", options.DataDir, "tmpfs", 0, "size=64m,nr_inodes=4000"); errors.Is(err, unix.EPERM) {
		t.Skip("wants root: a small file system to fill")
	} else {
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(options.DataDir, unix.MNT_DETACH)) })
	r := newRigAt(t, options)
	run := r.start("g")
	hog := filepath.Join(options.DataDir, "hog")
	for session, fill := range []func(){
		func() {
			var disk unix.Statfs_t
			require.NoError(t, unix.Statfs(options.DataDir, &disk))
			require.NoError(t, os.WriteFile(hog, make([]byte, disk.Bavail*uint64(disk.Bsize)), 0o600))
		},
		func() {
			require.NoError(t, os.Mkdir(hog, 0o700))
			for n := 0; ; n++ {
				if err := os.WriteFile(filepath.Join(hog, strconv.Itoa(n)), nil, 0o600); err != nil {
					require.ErrorIs(t, err, unix.ENOSPC)
					return
				}
			}
		},
	} {
		fill()
		failed := run.total(t, "tcpledger_ingester_insert_failures_total")
		r.send(schema.TopicEvents, 0, sampleBatch(t, uint64(session), 1, 0, 5))
		until(t, "it is refused many times", func() bool { return run.total(t, "tcpledger_ingester_insert_failures_total") > failed+6 })
		require.Error(t, run.outage.Err(), "and said")
		require.NoError(t, os.RemoveAll(hog))
		until(t, "it is over", func() bool { return run.outage.Err() == nil })
		r.eventually(5, "SELECT count() FROM %s.connections FINAL WHERE session = "+strconv.Itoa(session))
	}
}
