// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/internal/program"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "512": 512, "4KiB": 4096, "16MiB": 16 << 20, "2GiB": 2 << 30, "1 MiB": 1 << 20} {
		var s size
		require.NoError(t, s.Set(text))
		require.Equal(t, want, s, text)
		var again size
		require.NoError(t, again.Set(s.String()))
		require.Equal(t, s, again, "what --dump prints is read again")
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "16MB", "99999999999GiB", "1 KiB MiB"} {
		var s size
		require.Error(t, s.Set(text), text)
	}
}

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
	c, err := o.capture()
	require.NoError(t, err)
	require.Equal(t, map[bpf.Kind]bool{bpf.KindConnection: true, bpf.KindResetSent: true, bpf.KindResetReceived: true, bpf.KindDrop: false,
		bpf.KindRetransmit: true, bpf.KindRetransmitSynack: true, bpf.KindError: true, bpf.KindState: true, bpf.KindSkbConsumed: true, bpf.KindLingering: true}, c.Kinds)
	require.Equal(t, map[bpf.Kind]int{bpf.KindError: 10, bpf.KindResetSent: 0}, c.Budgets)
	require.Equal(t, 1<<20, c.RingBytes)
	require.Equal(t, []int{os.Getpid(), 77}, c.OwnPIDs)
	require.Nil(t, c.IgnoreDropReasons, "the default depends on the kernel")
	require.NotEmpty(t, o.hostID)

	c, err = parsed(t, "--drop-reasons-ignored", "TCP_CLOSE,NO_SOCKET").capture()
	require.NoError(t, err)
	require.Equal(t, []string{"TCP_CLOSE", "NO_SOCKET"}, c.IgnoreDropReasons)
	c, err = parsed(t, "--drop-reasons-ignored", "").capture()
	require.NoError(t, err)
	require.NotNil(t, c.IgnoreDropReasons)
	require.Empty(t, c.IgnoreDropReasons)
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
		{[]string{"--budget", "lingering=1"}, "--budget lingering=1: it comes once a stay"},
		{[]string{"--lingering-after", "999ms"}, "--lingering-after 999ms: at least 1s"},
		{[]string{"--lingering-after", "-1s"}, "--lingering-after -1s"},
		{[]string{"--budget", "drops=1"}, "--budget: unknown kind"},
		{[]string{"--batch-age", "5s"}, "--batch-age 5s"},
		{[]string{"--batch-records", "0"}, "--batch-records 0"},
		{[]string{"--batch-bytes", "1GiB"}, "--batch-bytes"},
		{[]string{"--queue-bytes", "1KiB"}, "--queue-bytes 1KiB: at least 1MiB"},
		{[]string{"--ring-bytes", "3MiB"}, "--ring-bytes 3MiB: a power of two"},
		{[]string{"--stacks"}, "--stacks goes with --stdout"},
		{[]string{"--stacks-per-second", "0"}, "--stacks-per-second 0"},
		{[]string{"--state-entries", "0"}, "--state-entries 0"},
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

// TestStdout prints a person's lines, and ends after --duration.
func TestStdout(t *testing.T) {
	needPrivileges(t)
	p := start(t, nil, "--stdout", "--stacks", "--duration", "3s")
	require.Eventually(t, func() bool { return bytes.Contains([]byte(p.output()), []byte("watching")) }, patience, 10e6)
	inNetNS(t, func() { traffic(t, "127.0.0.1", 1) })
	require.Equal(t, 0, p.wait(), p.output())
	for _, text := range []string{"SADDR:SPORT", "local_close", "close_unread_data", "linger_abort", "peer_reset", "tcp_close+"} {
		require.Contains(t, p.output(), text)
	}
}
