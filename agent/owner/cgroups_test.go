// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/wait"
)

const (
	patience  = wait.Long
	pollEvery = 2 * time.Millisecond
)

// forgetful is a kernel side that has the paths it is given, and no others.
type forgetful struct {
	cgroups     map[uint64]string
	executables map[uint32]string
}

func (f forgetful) CgroupPath(_ schema.CgroupHow, id uint64) string { return f.cgroups[id] }

func (f forgetful) ExecutablePath(id uint32) string { return f.executables[id] }

func newNames(t *testing.T) *Names {
	n, err := New(forgetful{}, "/proc", "/sys/fs/cgroup", DefaultPodLogs)
	require.NoError(t, err)
	return n
}

func inode(t *testing.T, path string) uint64 {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

// ownCgroups gives the paths of this process's cgroups by how they are known, from /proc/self/cgroup.
func ownCgroups(t *testing.T) map[schema.CgroupHow]string {
	b, err := os.ReadFile("/proc/self/cgroup")
	require.NoError(t, err)
	paths := map[schema.CgroupHow]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case f[0] == "0":
			paths[schema.CgroupV2] = f[2]
		case f[1] == "memory":
			paths[schema.CgroupMemory] = f[2]
		}
	}
	return paths
}

func TestCgroupOfThisProcess(t *testing.T) {
	n := newNames(t)
	if len(mounts("/sys/fs/cgroup")) == 0 {
		t.Skip("no cgroup file system is mounted here")
	}
	checked := 0
	for how, path := range ownCgroups(t) {
		h, ok := n.cgroups[how]
		if !ok || h.mount == "" || strings.HasPrefix(path, "/..") { // in a cgroup namespace of our own
			continue
		}
		require.Equal(t, path, n.Cgroup(&schema.Owner{CgroupHow: how, CgroupID: inode(t, filepath.Join(h.mount, path))}))
		checked++
	}
	require.NotZero(t, checked)
}

// A container that starts later is found in the real cgroup file system.
func TestContainerOfANewCgroup(t *testing.T) {
	n := newNames(t)
	own := ownCgroups(t)
	for how, h := range n.cgroups {
		if h.mount == "" {
			continue
		}
		require.Empty(t, n.Cgroup(&schema.Owner{CgroupHow: how, CgroupID: 1 << 40}), "no such cgroup")
		dir := filepath.Join(h.mount, own[how], "docker-"+id+".scope")
		if err := os.Mkdir(dir, 0o755); err != nil {
			require.True(t, errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, os.ErrNotExist), err)
			t.Skip(err)
		}
		t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
		o := schema.Owner{CgroupHow: how, CgroupID: inode(t, dir)}
		require.Eventually(t, func() bool { n.Fill(&o, 0); return o.Container == id }, patience, pollEvery)
	}
	o := schema.Owner{CgroupHow: schema.CgroupUnknown, CgroupID: 1}
	n.Fill(&o, 0)
	require.Empty(t, o.Container)
}

// Containers that start one right after the other are all known at once, by their processes: no walk, no waiting for the next.
func TestContainersInQuickSuccession(t *testing.T) {
	n := newNames(t)
	own := ownCgroups(t)
	for how, h := range n.cgroups {
		for i := range 3 {
			if h.mount == "" {
				break
			}
			want := fmt.Sprintf("%064x", i+1)
			dir := filepath.Join(h.mount, own[how], "docker-"+want+".scope")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { require.Eventually(t, func() bool { return os.Remove(dir) == nil }, patience, pollEvery) })
			cmd := exec.Command("sleep", "1000")
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0))
			o := schema.Owner{PID: uint32(cmd.Process.Pid), CgroupHow: how, CgroupID: inode(t, dir)}
			n.Fill(&o, 0)
			require.Equal(t, want, o.Container, how)

			stranger := schema.Owner{PID: uint32(os.Getpid()), CgroupHow: how, CgroupID: 1 << 40}
			n.Fill(&stranger, 0)
			require.Empty(t, n.Cgroup(&stranger), "the process is in another cgroup by now")
		}
		require.LessOrEqual(t, h.walks, 1, "for the stranger's")
	}
}

// The walk needs directories and their inode numbers only, so that any file system shows how often it is made.
func TestWalksAreRateLimited(t *testing.T) {
	root, now := t.TempDir(), time.Unix(1_700_000_000, 0)
	h, err := newHierarchy(root)
	require.NoError(t, err)
	h.now = func() time.Time { return now }
	add := func(name string) uint64 {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		return inode(t, filepath.Join(root, name))
	}

	a := add("kubepods/a")
	require.Equal(t, "/kubepods/a", h.path(a))
	require.Equal(t, "/", h.path(inode(t, root)))
	b := add("kubepods/b")
	require.Empty(t, h.path(b), "too soon to look again")
	require.Equal(t, 1, h.walks)
	now = now.Add(walkPause)
	require.Equal(t, "/kubepods/b", h.path(b))

	require.NoError(t, os.RemoveAll(filepath.Join(root, "kubepods/a")))
	now = now.Add(walkPause)
	require.Equal(t, "/kubepods/a", h.path(a), "records may come after their cgroup went")
	const gone = 1 << 40
	require.Empty(t, h.path(gone))
	walks := h.walks
	now = now.Add(walkPause)
	require.Empty(t, h.path(gone))
	require.Equal(t, walks, h.walks, "a cgroup that a walk did not find was removed")
	require.Empty(t, h.path(0))
	require.Equal(t, walks, h.walks)
}

func TestHostWithoutCgroups(t *testing.T) {
	require.Empty(t, mounts(t.TempDir()))
	n, err := New(forgetful{}, "/proc", t.TempDir(), "")
	require.NoError(t, err)
	o := schema.Owner{CgroupHow: schema.CgroupV2, CgroupID: 7}
	n.Fill(&o, 0)
	require.Empty(t, o.Container)
}

// TestKernelSideKnowsFirst: no cgroup file system and no process are needed.
func TestKernelSideKnowsFirst(t *testing.T) {
	kernel := forgetful{map[uint64]string{7: "/kubepods/burstable/pod" + uid + "/" + id}, map[uint32]string{3: "/usr/bin/curl"}}
	n, err := New(kernel, t.TempDir(), t.TempDir(), "")
	require.NoError(t, err)
	o := schema.Owner{CgroupHow: schema.CgroupMemory, CgroupID: 7}
	for range 2 {
		n.Fill(&o, 3)
		require.Equal(t, schema.Owner{CgroupHow: schema.CgroupMemory, CgroupID: 7, Exe: "/usr/bin/curl", Container: id, PodUID: uid}, o)
		clear(kernel.cgroups) // what was found once is remembered
		clear(kernel.executables)
	}
	n.Fill(&o, 4)
	require.Empty(t, o.Exe)
	n.Fill(&o, 0)
	require.Empty(t, o.Exe)
}
