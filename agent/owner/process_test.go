// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

func newNames(t *testing.T) *Names {
	n, err := New("/proc", "/sys/fs/cgroup")
	require.NoError(t, err)
	return n
}

// startOf gives when a process started, in nanoseconds, as the kernel side would.
func startOf(t *testing.T, pid int) uint64 {
	dir, err := os.OpenRoot(fmt.Sprintf("/proc/%d", pid))
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	ticks, ok := started(dir)
	require.True(t, ok)
	return ticks*uint64(tick) + uint64(tick)/3
}

func exeOf(n *Names, pid int, start uint64) string {
	o := schema.Owner{PID: uint32(pid), Start: start, How: schema.OwnerConnect}
	n.Fill(&o)
	return o.Exe
}

func TestExecutableOfThisProcess(t *testing.T) {
	want, err := os.Executable()
	require.NoError(t, err)
	start := startOf(t, os.Getpid())
	require.Equal(t, want, exeOf(newNames(t), os.Getpid(), start))
	require.Equal(t, want, exeOf(newNames(t), os.Getpid(), start+uint64(tick)), "within a tick")
	require.Empty(t, exeOf(newNames(t), os.Getpid(), start+3*uint64(tick)), "another process had this pid")
	require.Empty(t, exeOf(newNames(t), os.Getpid(), start-3*uint64(tick)))
	require.Empty(t, exeOf(newNames(t), os.Getpid(), 0), "without a start the process cannot be recognized")
	require.Empty(t, exeOf(newNames(t), 0, start))
}

func TestExecutableOutlivesItsProcessInTheCache(t *testing.T) {
	n := newNames(t)
	cmd := exec.Command("sleep", "1000")
	require.NoError(t, cmd.Start())
	pid, start := cmd.Process.Pid, startOf(t, cmd.Process.Pid)
	exe := exeOf(n, pid, start)
	require.NotEmpty(t, exe)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Equal(t, exe, exeOf(n, pid, start))
	require.Empty(t, exeOf(newNames(t), pid, start), "who looks only now finds nothing")
}

func TestExecIsNoticed(t *testing.T) {
	n := newNames(t)
	cmd := exec.Command("sh", "-c", "read line; exec sleep 1000")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	o := schema.Owner{PID: uint32(cmd.Process.Pid), Start: startOf(t, cmd.Process.Pid), Comm: "sh"}
	n.Fill(&o)
	shell := o.Exe
	require.NotEmpty(t, shell)
	_, err = in.Write([]byte("go\n"))
	require.NoError(t, err)
	comm := fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid)
	require.Eventually(t, func() bool { b, err := os.ReadFile(comm); return err == nil && string(b) == "sleep\n" }, patience, pollEvery)
	o.Comm = "sleep"
	n.Fill(&o)
	require.NotEqual(t, shell, o.Exe)
	require.NotEmpty(t, o.Exe)
}

func TestADeletedExecutableKeepsItsPath(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	b, err := os.ReadFile(sleep)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "sleep")
	require.NoError(t, os.WriteFile(path, b, 0o755))
	cmd := exec.Command(path, "1000")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.NoError(t, os.Remove(path))
	require.Equal(t, path, exeOf(newNames(t), cmd.Process.Pid, startOf(t, cmd.Process.Pid)))
}

func TestKernelThreadsHaveNoExecutable(t *testing.T) {
	const kthreadd = 2
	if _, err := os.Stat("/proc/2/stat"); err != nil {
		t.Skip("not in the host's pid namespace")
	}
	require.Empty(t, executable("/proc", kthreadd, startOf(t, kthreadd)))
}

// An ordinary user may not look at another user's process: then there is no name, and no error.
func TestExecutableOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	cmd := exec.Command("sleep", "1000")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	pid, start := uint32(cmd.Process.Pid), startOf(t, cmd.Process.Pid)
	require.NotEmpty(t, executable("/proc", pid, start))
	got := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its changed user
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			got <- errno.Error()
			return
		}
		got <- executable("/proc", pid, start)
	}()
	require.Empty(t, <-got)
}

func TestParseStart(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	for _, name := range []string{"(nginx)", "(a) S 1 (b)", "()", "((()"} {
		ticks, ok := parseStart([]byte("12 " + name + rest))
		require.True(t, ok, name)
		require.Equal(t, uint64(4711), ticks, name)
	}
	for _, bad := range []string{"", ")", "1 (a) S 1 2", "1 a" + rest, "1 (a)" + strings.Replace(rest, "4711", "x", 1)} {
		_, ok := parseStart([]byte(bad))
		require.False(t, ok, "%q", bad)
	}
}

func FuzzParseStart(f *testing.F) {
	f.Add([]byte("1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ticks, ok := parseStart(b)
		require.True(t, ok || ticks == 0 || ticks == 1<<64-1, "a number too large")
	})
}

func TestParseCgroup(t *testing.T) {
	const hybrid = "9:name=systemd:/a\n5:cpu,memory:/kubepods/b:c\n3:memorytrap:/no\n0::/system.slice/d\n"
	require.Equal(t, "/kubepods/b:c", parseCgroup(hybrid, schema.CgroupMemory))
	require.Equal(t, "/system.slice/d", parseCgroup(hybrid, schema.CgroupV2))
	require.Empty(t, parseCgroup("0::/d", schema.CgroupMemory))
	require.Empty(t, parseCgroup("4:memory:/d", schema.CgroupV2))
	for _, text := range []string{"", "0", "0:", ":::", "\n"} {
		require.Empty(t, parseCgroup(text, schema.CgroupV2), "%q", text)
	}
}
