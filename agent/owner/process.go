// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tcpledger/schema"
)

const maxCgroupFile = 64 << 10

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
