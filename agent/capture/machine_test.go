// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcpledger/bpf"
)

// nobody is a user without any right of its own.
const nobody = 65534

// childRole tells a test binary that it is the child of one of these tests.
const childRole = "TCPLEDGER_CAPTURE_CHILD"

// TestMain runs the child's part: load as whoever the parent made us.
func TestMain(m *testing.M) {
	if os.Getenv(childRole) == "" {
		os.Exit(m.Run())
	}
	if address := os.Getenv(childHolds); address != "" {
		hold(address)
	}
	if err := loadOnce(); err != nil {
		_, _ = io.WriteString(os.Stdout, err.Error())
		os.Exit(1)
	}
}

func loadOnce() error {
	c, err := New(DefaultConfig())
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	_, err = c.NextSeqs()
	return errors.Join(err, c.Close())
}

// asNobody runs this binary as an ordinary user with just these capabilities.
func asNobody(t *testing.T, capabilities ...uintptr) (string, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "capture")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	path := filepath.Join(dir, "tcpledger-agent")
	require.NoError(t, os.WriteFile(path, self, 0o755))
	cmd := exec.Command(path)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childRole+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: capabilities,
	}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// In a pid namespace of its own the agent's number is that of some other process of the host.
func TestOwnPIDNamespaceIsRefused(t *testing.T) {
	privileged(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childRole+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	output, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), ErrPIDNamespace.Error())
	require.NotContains(t, string(output), "\n", "one line")
}

func TestOrdinaryUserWithTwoCapabilities(t *testing.T) {
	privileged(t)
	output, err := asNobody(t, unix.CAP_BPF, unix.CAP_PERFMON)
	require.NoError(t, err, output)
}

func TestMissingCapabilityIsNamed(t *testing.T) {
	privileged(t)
	output, err := asNobody(t, unix.CAP_BPF)
	require.Error(t, err)
	require.Contains(t, output, "missing capability: CAP_PERFMON; run with sudo")
	require.NotContains(t, output, "\n")
	output, err = asNobody(t)
	require.Error(t, err)
	require.Contains(t, output, "CAP_BPF and CAP_PERFMON")
	require.Contains(t, output, "sudo setcap cap_bpf,cap_perfmon,cap_syslog=ep ")
}

// TestAnotherClockIsRefused: the kernel's records have the kernel's time.
func TestAnotherClockIsRefused(t *testing.T) {
	privileged(t)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("no unshare here: " + err.Error())
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for offset, refused := range map[string]bool{"0": false, "1000": true, "-300": true} {
		child := exec.Command(unshare, "--time", "--fork", "--boottime", offset, self)
		child.Env = append(os.Environ(), childRole+"=1")
		output, err := child.CombinedOutput()
		if !refused {
			require.NoError(t, err, "%s", output)
			continue
		}
		require.Error(t, err)
		require.Contains(t, string(output), "another clock than the kernel's: this time namespace sets boottime off by "+offset+" s; run in the host's")
	}
}

func TestNoTimeNamespaces(t *testing.T) {
	require.NoError(t, checkClock(filepath.Join(t.TempDir(), "none")))
}

func TestMissingCapabilities(t *testing.T) {
	set := func(values ...cap.Value) *cap.Set {
		s := cap.NewSet()
		require.NoError(t, s.SetFlag(cap.Effective, true, values...))
		return s
	}
	require.Empty(t, missingCapabilities(set(cap.SYS_ADMIN)))
	require.Empty(t, missingCapabilities(set(cap.BPF, cap.PERFMON)))
	require.Equal(t, []string{"CAP_BPF"}, missingCapabilities(set(cap.PERFMON)))
	require.Equal(t, []string{"CAP_BPF", "CAP_PERFMON"}, missingCapabilities(set(cap.NET_ADMIN)))
}

func TestNothingBeforeStart(t *testing.T) {
	privileged(t)
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	require.ErrorIs(t, c.Read(&bpf.Record{}), ErrNotStarted)
	_, err = c.Totals()
	require.ErrorIs(t, err, ErrNotStarted)
	_, err = c.Status()
	require.ErrorIs(t, err, ErrNotStarted)
	require.NoError(t, c.Close())
}

func TestStatus(t *testing.T) {
	privileged(t)
	namespace(t)
	c := started(t, with(func(c *Config) { c.Kinds[bpf.KindDrop] = false }))
	p := connect(t, "127.0.0.1")
	say(t, p.client, p.server, "hello")
	status, err := c.Status()
	require.NoError(t, err)
	require.Len(t, status.Programs, len(hooks)+len(iterators))
	for _, program := range status.Programs {
		switch program.Name {
		case "on_drop", "on_consume":
			require.False(t, program.Attached)
			require.Equal(t, "not enabled", program.Why)
		case "on_seed":
			require.Equal(t, "ran once at the start", program.Why)
		case "on_send", "on_error": // younger than 5.10
			require.Equal(t, program.Attached, program.Why == "", program.Why)
		default:
			require.True(t, program.Attached, program.Name)
			require.NotZero(t, program.ID)
			require.NotZero(t, program.Instructions)
			require.NotEmpty(t, program.Tag)
		}
	}
	inUse := map[string]uint64{}
	for _, m := range status.Maps {
		if m.InUse != nil {
			inUse[m.Name] = *m.InUse
		}
	}
	require.GreaterOrEqual(t, inUse["conns"], uint64(2))
	require.Contains(t, inUse, "ring")
	text, err := json.Marshal(status)
	require.NoError(t, err)
	var back Status
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, status, back)
	require.NoError(t, c.Detach())
	status, err = c.Status()
	require.NoError(t, err)
	require.Equal(t, "detached", status.Programs[0].Why)
}

// kernelSince tells whether the running kernel is of this release or later.
func kernelSince(t *testing.T, wantMajor, wantMinor int) bool {
	t.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	var major, minor int
	_, err = fmt.Sscanf(string(release), "%d.%d", &major, &minor)
	require.NoError(t, err)
	return major > wantMajor || major == wantMajor && minor >= wantMinor
}

// TestFeaturesAreFound compares the probed features with those of the release.
func TestFeaturesAreFound(t *testing.T) {
	privileged(t)
	c, err := New(DefaultConfig())
	require.NoError(t, err)
	since := func(major, minor int) bool { return kernelSince(t, major, minor) }
	require.Equal(t, since(5, 12), c.features.FetchAdd)
	require.Equal(t, since(5, 12), c.features.FetchAdd && c.features.NumbersPatched > 0)
	if since(5, 12) { // distributions backport what follows
		require.True(t, c.features.SocketCookie)
	}
	if since(6, 11) {
		require.EqualValues(t, 4, c.features.KfreeSkbArgs)
		require.EqualValues(t, 3, c.features.SendResetArgs)
		require.NotZero(t, c.features.DropReasons)
		require.NotZero(t, c.features.ResetReasons)
	}
	require.Contains(t, []uint64{1_000_000, 3_333_333, 4_000_000, 10_000_000}, c.features.TickNS)
}

// TestMissingPrograms: a program that is off, or has done its work, is not missing.
func TestMissingPrograms(t *testing.T) {
	s := Status{Programs: []ProgramStatus{
		{Name: "on_state", AttachPoint: "sock:inet_sock_set_state", Attached: true},
		{Name: "on_drop", AttachPoint: "skb:kfree_skb", Why: notEnabled},
		{Name: "on_seed", AttachPoint: "iter:task_file", Why: ranOnce},
		{Name: "on_send", AttachPoint: "sock:sock_send_length", Why: "this kernel has no such tracepoint"},
	}}
	require.Equal(t, []string{"sock:sock_send_length: this kernel has no such tracepoint"}, s.Missing())
}

func TestReasonNames(t *testing.T) {
	c := &Capture{dropReasons: reasons{2: "NOT_SPECIFIED"}, resetReasons: reasons{}}
	require.Equal(t, "NOT_SPECIFIED", c.ReasonName(2))
	require.Equal(t, "subsys 1/7", c.ReasonName(1<<16|7))
	require.Empty(t, c.ReasonName(999))
	require.Empty(t, c.ReasonName(bpf.Absent32))
	require.Empty(t, c.ResetReasonName(1))
}
