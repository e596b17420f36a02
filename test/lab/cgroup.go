// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/test/wait"
)

// EnterCgroup moves the actor into the cgroup of that folder.
func (a *Actor) EnterCgroup(dir string) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(int(a.PID))), 0))
}

// CgroupMount is a mounted hierarchy; V2 says whether it is the unified one or the memory controller's.
type CgroupMount struct {
	Path string
	V2   bool
}

// CgroupMounts gives the hierarchies of this machine. It mounts those that can be and are not, as a hybrid host has them.
func CgroupMounts(t testing.TB) []CgroupMount {
	t.Helper()
	needRoot(t)
	var found []CgroupMount
	for _, m := range []struct {
		kind, data string
		magic      int64
		paths      []string
	}{
		{"cgroup2", "", unix.CGROUP2_SUPER_MAGIC, []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}},
		{"cgroup", "memory", unix.CGROUP_SUPER_MAGIC, []string{"/sys/fs/cgroup/memory"}},
	} {
		if path, ok := mounted(m.paths, m.magic); ok {
			found = append(found, CgroupMount{path, m.kind == "cgroup2"})
			continue
		}
		dir := t.TempDir()
		if err := unix.Mount(m.kind, dir, m.kind, 0, m.data); err != nil {
			t.Logf("mount %s %s: %v", m.kind, m.data, err)
			continue
		}
		t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
		found = append(found, CgroupMount{dir, m.kind == "cgroup2"})
	}
	return found
}

func mounted(paths []string, magic int64) (string, bool) {
	for _, path := range paths {
		var s unix.Statfs_t
		if unix.Statfs(path, &s) == nil && s.Type == magic {
			return path, true
		}
	}
	return "", false
}

// Cgroup makes a cgroup at that path below the mount, with its parents. They go when the test ends, or before, with the returned
// function: their processes have to be gone.
func (m CgroupMount) Cgroup(t testing.TB, path string) (dir string, remove func()) {
	t.Helper()
	dir = filepath.Join(m.Path, path)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	remove = func() {
		for below := dir; below != m.Path; below = filepath.Dir(below) {
			// A parent with other children stays. A process is in its cgroup until the kernel has let go of it.
			require.Eventually(t, func() bool {
				err := os.Remove(below)
				return err == nil || os.IsNotExist(err) || hasChildren(below)
			}, wait.Long, time.Millisecond, below)
			if hasChildren(below) {
				return
			}
		}
	}
	t.Cleanup(remove)
	return dir, remove
}

func hasChildren(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			return true
		}
	}
	return err != nil && !os.IsNotExist(err)
}

// InCgroupNamespace makes cmd start in a cgroup namespace of its own, as a pod's processes do.
func InCgroupNamespace(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWCGROUP
}

// OnV1Alone makes cmd start where the v2 hierarchy is not mounted, as on a host of cgroup v1, and in a cgroup namespace of its own.
func OnV1Alone(cmd *exec.Cmd) {
	InCgroupNamespace(cmd)
	const script = `for m in $(awk '$3 == "cgroup2" { print $2 }' /proc/mounts); do umount -l "$m" || exit; done; exec "$0" "$@"`
	cmd.Args = append([]string{"unshare", "--mount", "--", "sh", "-c", script, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/usr/bin/unshare"
}
