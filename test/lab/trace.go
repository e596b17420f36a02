// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// traced are the events without which a row is missing or another one.
var traced = []string{"sock/inet_sock_set_state", "tcp/tcp_receive_reset", "tcp/tcp_send_reset"}

// Trace is the kernel's own trace of what happens to sockets, and of the task that each event came on top of.
//
// A kernel may run no BPF program on top of the threads of process 1, and count no skip: that of a sandbox whose manager is
// process 1 does. A softirq that takes the CPU from such a thread then ends connections unseen. Nothing that BPF can ask tells;
// the kernel's trace does.
type Trace struct{ dir string }

// StartTrace traces until the test ends. It returns nil, which has seen nothing, where the kernel has no tracefs.
func StartTrace(t testing.TB) *Trace {
	t.Helper()
	fs := t.TempDir()
	if err := unix.Mount("tracefs", fs, "tracefs", 0, ""); err != nil {
		t.Log("no trace of the kernel:", err)
		return nil
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(fs, unix.MNT_DETACH)) })
	tr := &Trace{filepath.Join(fs, "instances", filepath.Base(filepath.Dir(fs)))}
	require.NoError(t, os.Mkdir(tr.dir, 0o700))
	t.Cleanup(func() { require.NoError(t, unix.Rmdir(tr.dir)) })
	require.NoError(t, os.WriteFile(filepath.Join(tr.dir, "buffer_size_kb"), []byte("8192"), 0o600))
	for _, event := range traced {
		require.NoError(t, os.WriteFile(filepath.Join(tr.dir, "events", event, "enable"), []byte("1"), 0o600))
	}
	return tr
}

// Unseen returns the events between the two ports that came on top of a thread of process 1, a line each.
func (tr *Trace) Unseen(t testing.TB, a, b netip.AddrPort) []string {
	t.Helper()
	if tr == nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(tr.dir, "trace"))
	require.NoError(t, err)
	return unseen(string(text), a, b)
}

func unseen(text string, a, b netip.AddrPort) []string {
	var found []string
	for line := range strings.Lines(text) {
		if m := task.FindStringSubmatch(line); m != nil && names(line, a) && names(line, b) && ofProcess1(m[1]) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

var task = regexp.MustCompile(`^\s*\S.*-(\d+)\s+\[\d+\]`)

func ofProcess1(thread string) bool {
	_, err := os.Stat("/proc/1/task/" + thread)
	return err == nil
}

// names reports whether the event is of this port. Events write it as sport=7, dport=7 or 127.0.0.1:7.
func names(line string, a netip.AddrPort) bool {
	return strings.Contains(line, "port="+port(a)+" ") || strings.Contains(line, ":"+port(a)+" ")
}
