// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// systemdInit makes a root that can be left, as sandboxed units do, and gives the machine to systemd.
//
//go:embed testdata/systemd.init
var systemdInit string

// unitCheck is the first service: it starts, restarts, kills and removes the agent, and says what it sees.
//
//go:embed testdata/unit.check
var unitCheck string

// systemdPrograms are systemd itself and what it and the unit run.
var systemdPrograms = []string{"/usr/lib/systemd/systemd", "systemctl", "nft"}

// TestTheUnitUnderSystemd boots a kernel with this machine's systemd as its first process, and with the unit that is shipped: hooks and ring
// outlive a restart and a kill, although systemd lets only root into /sys/fs/bpf.
func TestTheUnitUnderSystemd(t *testing.T) {
	if os.Getenv("TCPLEDGER_TEST_KERNELS") == "" {
		t.Skip("TCPLEDGER_TEST_KERNELS is not set: make test-kernels")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	kernel := chosen("6.12")[0]
	u, err := kernel.Fetch(ctx, cacheDir(t))
	require.NoError(t, err)
	var said strings.Builder
	err = boot(ctx, u, systemdGuest(t), "panic=1 systemd.unit=check.service", func(line string) {
		t.Log(line)
		said.WriteString(line + "\n")
	})
	require.NoError(t, err)

	require.Contains(t, said.String(), "drwx-----T", "systemd lets only root into /sys/fs/bpf")
	sessions := regexp.MustCompile(`msg=watching .*session=(\d+)`).FindAllStringSubmatch(said.String(), -1)
	require.Len(t, sessions, 4, "started, restarted, killed, and with --nat")
	require.Equal(t, sessions[0][1], sessions[1][1], "a restart")
	require.Equal(t, sessions[0][1], sessions[2][1], "a kill")
	require.Equal(t, 2, strings.Count(said.String(), `msg="goes on with the session of an earlier run"`))
	require.Contains(t, said.String(), "removed the pins of 1 sessions from /sys/fs/bpf/tcpledger")
	require.Regexp(t, `TRANSLATED [1-9]`, said.String(), "connection tracking is a module here")
	require.NotContains(t, said.String(), "level=ERROR")
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "level=WARN") { // there is no Kafka
			require.Regexp(t, `msg="not available, trying on" part="?kafka`, line, "the unit takes something from the agent")
		}
	}
}

// natDropIn is what docs/nat.md says to add to the unit.
func natDropIn(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/nat.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```\n(\\[Service\\]\n.*?)```").FindSubmatch(page)
	require.NotNil(t, found)
	return string(found[1])
}

// systemdGuest has this machine's systemd, the agent and its unit.
func systemdGuest(t *testing.T) Guest {
	t.Helper()
	_, agent := build(t)
	g := Guest{Init: systemdInit, Programs: systemdPrograms, Texts: map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
		"/etc/machine-id": "0123456789abcdef0123456789abcdef\n", "/etc/os-release": "ID=debian\n",
		"/etc/systemd/system/check.service": "[Service]\nType=oneshot\nStandardOutput=file:/dev/ttyS1\nStandardError=inherit\nExecStart=/bin/busybox sh /check\n",
		// What the unit says goes to the journal, which is not here.
		"/etc/systemd/system/tcpledger-agent.service.d/log.conf": "[Service]\nStandardOutput=append:/run/agent.log\nStandardError=inherit\n",
		"/check":    unitCheck,
		"/nat.conf": natDropIn(t),
	}, Files: map[string]string{
		"/usr/local/bin/tcpledger-agent": agent, "/etc/systemd/system/tcpledger-agent.service": "../../deploy/tcpledger-agent.service", "/etc/tcpledger/agent.yaml": "../../deploy/agent.yaml",
	}}
	if executor, err := exec.LookPath("/usr/lib/systemd/systemd-executor"); err == nil { // from version 255 on
		g.Programs = append(g.Programs, executor)
	}
	targets, err := filepath.Glob("/usr/lib/systemd/system/*.target")
	require.NoError(t, err)
	for _, path := range targets {
		g.Files[path] = path
	}
	return g
}
