// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/agent/batch"
	"tcpledger/agent/capture"
	"tcpledger/agent/pipeline"
	"tcpledger/agent/publish"
	"tcpledger/agent/symbols"
	"tcpledger/bpf"
	"tcpledger/internal/program"
)

func parsed(t *testing.T, args ...string) *options {
	t.Helper()
	var o options
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.register(flags)
	require.NoError(t, flags.Parse(args))
	return &o
}

func TestFlagsBecomeCapture(t *testing.T) {
	o := parsed(t, "--enable", "state,skb_consumed", "--disable", "drop", "--budget", "error=10/s", "--budget", "reset_sent=0",
		"--ring-bytes", "1MiB", "--own-pid", "77", "--stacks-per-second", "-1")
	require.NoError(t, o.check())
	c := o.capture
	require.Equal(t, map[bpf.Kind]bool{bpf.KindConnection: true, bpf.KindResetSent: true, bpf.KindResetReceived: true, bpf.KindDrop: false,
		bpf.KindRetransmit: true, bpf.KindRetransmitSynack: true, bpf.KindError: true, bpf.KindState: true, bpf.KindSkbConsumed: true, bpf.KindLingering: true, bpf.KindListener: true}, c.Kinds)
	require.Equal(t, []int{10, 0}, []int{c.Budgets[bpf.KindError], c.Budgets[bpf.KindResetSent]})
	require.Equal(t, capture.DefaultConfig().Budgets[bpf.KindDrop], c.Budgets[bpf.KindDrop], "not named: the default stays")
	require.EqualValues(t, 1<<20, c.RingBytes)
	require.Equal(t, []int{77, os.Getpid()}, c.OwnPIDs)
	require.NotEmpty(t, o.hostID)

	require.Equal(t, []string{"TCP_CLOSE", "NO_SOCKET"}, parsed(t, "--drop-reasons-ignored", "TCP_CLOSE,NO_SOCKET").capture.IgnoredDrops)
	require.Empty(t, parsed(t, "--drop-reasons-ignored", "").capture.IgnoredDrops)
}

// TestDefaultsAreSaidOnce: without flags every part has its own defaults.
func TestDefaultsAreSaidOnce(t *testing.T) {
	o := parsed(t)
	require.Equal(t, capture.DefaultConfig(), o.capture)
	require.Equal(t, pipeline.DefaultLimits(), o.limits)
	require.Equal(t, batch.DefaultLimits(), o.batch)
	require.Equal(t, publish.DefaultLimits(), o.queue)
	require.Equal(t, symbols.DefaultLimits(), o.symbols)
	require.NoError(t, o.check())
}

// TestLingeringIsSwitchedOffBothWays: by its kind and by its time; the two agree.
func TestLingeringIsSwitchedOffBothWays(t *testing.T) {
	for _, flag := range []string{"--lingering-after=0", "--disable=lingering"} {
		o := parsed(t, flag)
		require.NoError(t, o.check())
		require.False(t, o.capture.Kinds[bpf.KindLingering], flag)
		require.Zero(t, o.limits.LingeringAfter, flag)
		require.NotContains(t, o.kinds(), "lingering")
	}
}

// TestBadCommandLines: exit code 2 and one line that names the flag, before anything starts.
func TestBadCommandLines(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--enable", "everything"}, `--enable: unknown kind "everything"`},
		{[]string{"--enable", "drop", "--disable", "drop"}, "contradict each other"},
		{[]string{"--budget", "drop"}, "--budget drop: KIND=N expected"},
		{[]string{"--budget", "drop=many"}, "--budget drop=many"},
		{[]string{"--budget", "lingering=1"}, "--budget lingering=1: the agent makes one record a stay"},
		{[]string{"--lingering-after", "999ms"}, "--lingering-after 999ms: at least 1s"},
		{[]string{"--lingering-after", "-1s"}, "--lingering-after -1s"},
		{[]string{"--budget", "drops=1"}, "--budget: unknown kind"},
		{[]string{"--batch-age", "5s"}, "--batch-age 5s"},
		{[]string{"--batch-records", "0"}, "--batch-records 0"},
		{[]string{"--batch-bytes", "1GiB"}, "--batch-bytes"},
		{[]string{"--queue-bytes", "1KiB"}, "--queue-bytes 1KiB: at least 1MiB"},
		{[]string{"--ring-bytes", "3MiB"}, "--ring-bytes 3MiB: a power of two"},
		{[]string{"--stacks"}, "--stacks goes with --stdout"},
		{[]string{"--pod-logs", "pods"}, "--pod-logs pods: an absolute path expected, or none"},
		{[]string{"--stacks-per-second", "0"}, "--stacks-per-second 0"},
		{[]string{"--state-entries", "0"}, "--state-entries 0"},
		{[]string{"--state-entries", "5000000000"}, "--state-entries 5000000000: 1 to"},
		{[]string{"--own-pid", "-1"}, "--own-pid -1: at least 1"},
		{[]string{"--symbols-delay", "-1s"}, "--symbols-delay -1s: not below 0s"},
		{[]string{"--duration", "-1s"}, "--duration -1s"},
		{[]string{"--brokers", "nowhere"}, "--brokers"},
		{[]string{"--brokers", "127.0.0.1:90920"}, "--brokers 127.0.0.1:90920: a host and a port from 1 to 65535"},
		{[]string{"--brokers", ":9092"}, "--brokers :9092"},
		{[]string{"--host-id", strings.Repeat("a", 5000)}, "--host-id: at most 253 bytes"},
		{[]string{"--batch-agee", "1s"}, "--batch-age"},
		{[]string{"status", "--listen", "nowhere"}, "--listen nowhere"},
	} {
		root, out := rootCommand(), &bytes.Buffer{}
		root.SetArgs(append(c.args, "--check"))
		if c.args[0] == "status" {
			root.SetArgs(c.args)
		}
		root.SetOut(out)
		root.SetErr(out)
		require.Equal(t, 2, program.Main(root), c.args)
		require.Contains(t, out.String(), c.says, c.args)
		require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "one line: %s", out)
	}
}

func TestPortInUse(t *testing.T) {
	needPrivileges(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	p := start(t, nil, "--listen", l.Addr().String())
	require.Equal(t, 2, p.wait())
	require.Contains(t, p.output(), "address "+l.Addr().String()+" is in use")
	require.Contains(t, p.output(), "--listen")
}

func TestCheckBuildsAllAndStartsNothing(t *testing.T) {
	needPrivileges(t)
	p := start(t, nil, "--check", "--listen", freeAddr(t), "--brokers", freeAddr(t))
	require.Equal(t, 0, p.wait(), p.output())
	require.Empty(t, p.output())
}

// TestWithoutPrivileges: one line that names the capabilities and the command.
func TestWithoutPrivileges(t *testing.T) {
	needPrivileges(t) // to give them up
	dir := t.TempDir()
	binary, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	path := filepath.Join(dir, "tcpledger-agent")
	require.NoError(t, os.WriteFile(path, binary, 0o755))
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	p := start(t, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = path, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}, "--listen", freeAddr(t))
	require.Equal(t, 1, p.wait(), p.output())
	for _, text := range []string{"CAP_BPF", "CAP_PERFMON", "sudo"} {
		require.Contains(t, p.output(), text)
	}
	require.Equal(t, 1, bytes.Count([]byte(p.output()), []byte("\n")), p.output())
}

// TestStdout prints a person's lines until it is stopped. Of other connections of this machine it prints little, so that a load
// beside the test does not drown its own.
func TestStdout(t *testing.T) {
	needPrivileges(t)
	p := start(t, nil, "--stdout", "--stacks", "--stacks-per-second", "100", "--budget", "reset_sent=100",
		"--disable", "reset_received,drop,retransmit,retransmit_synack,error")
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "watching") }, patience, 10e6)
	missing := []string{"SADDR:SPORT", "local_close", "close_unread_data", "linger_abort", "peer_reset", "tcp_close+"}
	require.Eventually(t, func() bool {
		inNetNS(t, func() { traffic(t, "127.0.0.1", 1) })
		out := p.output()
		missing = slices.DeleteFunc(missing, func(text string) bool { return strings.Contains(out, text) })
		return len(missing) == 0
	}, patience, 500*time.Millisecond, "%v", &missing)
	p.signal(syscall.SIGINT)
	require.Equal(t, 0, p.wait())
}

// TestDuration: the agent ends by itself, and that is no failure.
func TestDuration(t *testing.T) {
	needPrivileges(t)
	p := start(t, nil, "--stdout", "--duration", "1s", "--disable", "reset_sent,reset_received,drop,retransmit,retransmit_synack,error")
	require.Equal(t, 0, p.wait(), p.output())
}
