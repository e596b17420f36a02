// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpledger/schema"
)

// tick is /proc's unit of time, USER_HZ: 100 a second on every architecture that runs BPF.
const tick = 10 * time.Millisecond

// startField is the field of /proc/PID/stat with the start, counted from the one after the name.
const startField = 19

const (
	maxStat       = 4096
	maxCgroupFile = 64 << 10
)

// executable gives the path of a process's executable. It is "" if the process has ended, if its pid was reused, for a kernel
// thread, and without permission. start is CLOCK_BOOTTIME in nanoseconds.
func executable(proc string, pid uint32, start uint64) string {
	dir, err := os.OpenRoot(filepath.Join(proc, strconv.FormatUint(uint64(pid), 10)))
	if err != nil {
		return ""
	}
	defer func() { _ = dir.Close() }() // only read
	// The open directory is that of this process only: if the pid is reused, reads through it fail.
	if began, ok := started(dir); !ok || !sameStart(began, start) {
		return ""
	}
	exe, err := dir.Readlink("exe")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(exe, " (deleted)") // replaced by an upgrade: still the same service
}

// cgroupOf gives the path of a process's cgroup as /proc/PID/cgroup has it, "" if that cannot be read. The pid may have been
// reused: the caller compares the cgroup's id.
func cgroupOf(proc string, pid uint32, how schema.CgroupHow) string {
	if pid == 0 {
		return ""
	}
	f, err := os.Open(filepath.Join(proc, strconv.FormatUint(uint64(pid), 10), "cgroup"))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxCgroupFile))
	if err != nil {
		return ""
	}
	return parseCgroup(string(b), how)
}

// parseCgroup reads lines of "number:controllers:path"; the unified hierarchy's number is 0, and it has no controllers.
func parseCgroup(text string, how schema.CgroupHow) string {
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case how == schema.CgroupV2 && number == "0" && controllers == "",
			how == schema.CgroupMemory && slices.Contains(strings.Split(controllers, ","), "memory"):
			return path
		}
	}
	return ""
}

// started gives the start in ticks since boot.
func started(dir *os.Root) (uint64, bool) {
	f, err := dir.Open("stat")
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxStat))
	if err != nil {
		return 0, false
	}
	return parseStart(b)
}

// parseStart reads "pid (name) S 1 …"; the name may hold anything, also parentheses.
func parseStart(stat []byte) (uint64, bool) {
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) <= startField {
		return 0, false
	}
	began, err := strconv.ParseUint(string(fields[startField]), 10, 64)
	return began, err == nil
}

// sameStart allows a tick for rounding.
func sameStart(ticks, nanoseconds uint64) bool {
	want := nanoseconds / uint64(tick)
	return ticks+1 >= want && ticks <= want+1
}
