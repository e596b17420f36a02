// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"math"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// kernelTimeout bounds how long a test waits for the kernel: a timer, or a packet on a busy machine.
const kernelTimeout = wait.Long

// watch is a running agent and what it has published.
type watch struct {
	*published
	t   *testing.T
	cmd *exec.Cmd
	// lost is the number of records in loss ranges, of this test and of everybody else; stop sets it.
	lost int
}

// watching starts an agent and waits for its start checkpoint: from then on it sees everything. Its ring and its queue have
// room for foreign load, unless args say otherwise.
func watching(t *testing.T, args ...string) *watch {
	t.Helper()
	return watchingAs(t, func(*exec.Cmd) {}, args...)
}

// watchingAs is watching with a change to the agent's command.
func watchingAs(t *testing.T, change func(*exec.Cmd), args ...string) *watch {
	t.Helper()
	addr := broker(t)
	args = append([]string{"--ring-bytes", roomyRing(), "--queue-bytes", "1GiB"}, args...)
	w := &watch{t: t, cmd: agent(t, addr, change, args...), published: read(t, addr)}
	// To load takes an emulated guest longer than maxLag, and records may come before the checkpoint.
	require.True(t, w.readUntil(t, math.MaxUint64, func() bool { return len(w.checkpoints) > 0 }), "no start checkpoint")
	return w
}

// roomyRing is the size of a ring that holds some seconds of a storm, in case the agent gets no CPU.
func roomyRing() string {
	if inGuest() {
		return "16MiB"
	}
	return "256MiB"
}

// stop ends the agent properly, reads what it published to the last message and accounts for every number.
func (w *watch) stop() {
	w.t.Helper()
	require.NoError(w.t, w.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(w.t, w.cmd.Wait())
	require.True(w.t, w.reach(w.t, func() bool { return w.last().Phase == schema.CheckpointEnd }), "no end checkpoint")
	for w.more(w.t) {
	}
	if w.lost = w.account(); w.lost > 0 {
		w.t.Logf("%d records were lost, of this test or of others", w.lost)
	}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("totals: %v", totals(w.last()))
		}
	})
}

// last is the checkpoint that came last.
func (w *watch) last() *schema.Checkpoint { return &w.checkpoints[len(w.checkpoints)-1] }

// total is a counter of the last checkpoint, which leaves out those that are 0.
func (w *watch) total(name string) uint64 {
	if i := slices.Index(w.last().Names, name); i >= 0 {
		return w.last().Totals[i]
	}
	return 0
}

// namespace identifies a network namespace: by its inode number while it lives, and by its cookie if the kernel has one.
type namespace struct {
	inode  uint32
	cookie uint64
}

func namespaceOf(t testing.TB, h *lab.Host) namespace {
	t.Helper()
	return namespace{h.Inode(t), h.Cookie(t)}
}

func (p namespace) has(s *schema.Socket) bool {
	return s.NetNS == p.inode && (p.cookie == 0 || s.NetNSCookie == p.cookie)
}

func (w *watch) rows(namespaces ...namespace) []*schema.Connection {
	var out []*schema.Connection
	for i := range w.connections {
		if slices.ContainsFunc(namespaces, func(p namespace) bool { return p.has(&w.connections[i].Socket) }) {
			out = append(out, &w.connections[i])
		}
	}
	return out
}

func (w *watch) happened(kind schema.Kind, namespaces ...namespace) []*schema.Event {
	var out []*schema.Event
	for i := range w.events {
		e := &w.events[i]
		if e.Kind == kind && slices.ContainsFunc(namespaces, func(p namespace) bool { return p.has(&e.Socket) }) {
			out = append(out, e)
		}
	}
	return out
}

// until reads until n connections of these namespaces are there.
func (w *watch) until(n int, namespaces ...namespace) {
	w.t.Helper()
	require.True(w.t, w.reach(w.t, func() bool { return len(w.rows(namespaces...)) >= n }), "%d connections expected, %d came", n, len(w.rows(namespaces...)))
}

// inGuest reports whether the suite runs in a guest, a small and slow machine.
func inGuest() bool { return os.Getenv("TCPLEDGER_TEST_AGENT") != "" }
