// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/setting"
)

// lives is how often an agent is killed or stopped in a test.
func lives(t *testing.T) int { return setting.Number(t, "TCPLEDGER_TEST_LIVES", 5) }

// host is a place where agents follow each other.
type host struct {
	t       *testing.T
	broker  string
	listen  string
	pins    string
	journal string
	as      func(*exec.Cmd) // another user; nil: the test's own
}

func newHost(t *testing.T) *host {
	needPrivileges(t)
	return &host{t: t, broker: newKafka(t), listen: freeAddr(t), pins: lab.Pins(t), journal: t.TempDir()}
}

// agent starts the next agent and waits until it watches.
func (h *host) agent(args ...string) *process {
	h.t.Helper()
	p := start(h.t, h.as, append([]string{"--brokers", h.broker, "--listen", h.listen, "--symbols-delay", "0s", "--pins", h.pins, "--journal", h.journal,
		"--ring-bytes", "256MiB"}, args...)...)
	p.healthy(h.listen)
	h.caughtUp()
	return p
}

var lag = regexp.MustCompile(`(?m)^tcpledger_agent_lag_seconds (\S+)$`)

// caughtUp waits until the agent has read what the ring kept for it, so that the ring holds out on a busy machine.
func (h *host) caughtUp() {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		found := lag.FindStringSubmatch(get(h.t, "http://"+h.listen+"/metrics"))
		if found == nil {
			return false
		}
		seconds, err := strconv.ParseFloat(found[1], 64)
		return err == nil && seconds > 0 && seconds < 1
	}, patience, 50*time.Millisecond, "the agent does not catch up")
}

// kill ends an agent without a farewell.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.end
}

// under runs f while connections are made and ended without a pause, and gives what is known of them. Ports come again:
// a pair of addresses that named two connections says nothing.
func under(t *testing.T, f func()) truth {
	want, made := truth{}, map[string]int{}
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		inNetNS(t, func() {
			for !over.Load() {
				for ends, v := range traffic(t, "127.0.0.1", 1) {
					want[ends] = v
					made[ends]++
				}
			}
		})
	}()
	f()
	over.Store(true)
	<-done
	maps.DeleteFunc(want, func(ends string, _ schema.Verdict) bool { return made[ends] > 1 })
	return want
}

// endOfOne ends the last agent and its session, the only one, and gives what Kafka holds of it.
func (h *host) endOfOne(last *process) *account {
	h.t.Helper()
	last.signal(syscall.SIGINT)
	require.Zero(h.t, last.wait(), last.output())
	sessions := h.accounts()
	require.Len(h.t, sessions, 1)
	var one *account
	for _, one = range sessions {
		one.requireComplete(h.t)
	}
	return one
}

// TestStopsAndStarts: a service manager restarts the agent again and again. One session, nothing lost, each ending once with the right verdict.
func TestStopsAndStarts(t *testing.T) {
	h := newHost(t)
	p := h.agent()
	want := under(t, func() {
		for range lives(t) {
			p.signal(syscall.SIGTERM)
			require.Zero(t, p.wait(), p.output())
			p = h.agent()
		}
	})
	a := h.endOfOne(p)
	require.Greater(t, len(a.runs), 1)
	require.Empty(t, a.lost)
	require.Equal(t, len(want), a.requireRight(t, want), "endings")
	t.Logf("%d stops: %d records, %d ends", lives(t), len(a.rows), len(want))
	entries, err := os.ReadDir(h.pins)
	require.NoError(t, err)
	require.Empty(t, entries, "SIGINT ends the session")
}

// TestKilledAgain: an agent dies without a farewell again and again. One session; what it had read and not sent is told as lost.
func TestKilledAgain(t *testing.T) {
	h := newHost(t)
	p := h.agent()
	want := under(t, func() {
		for range lives(t) {
			p.kill()
			p = h.agent()
		}
	})
	a := h.endOfOne(p)
	for at, cause := range a.lost {
		require.Equal(t, schema.LossAgentKilled, cause, "%v", at)
	}
	t.Logf("%d kills: %d records, %d lost, %d ends of which %d are there", lives(t), len(a.rows), len(a.lost), len(want), a.requireRight(t, want))
}

// TestOtherSettings: an agent with another kernel side ends the session of the one before, and begins its own.
func TestOtherSettings(t *testing.T) {
	h := newHost(t)
	want := under(t, func() {
		h.agent().kill()
		p := h.agent("--enable", "state")
		p.signal(syscall.SIGTERM)
		require.Zero(t, p.wait(), p.output())
	})
	last := h.agent()
	require.Contains(t, last.output(), "ends the session of an earlier run")
	last.signal(syscall.SIGINT)
	require.Zero(t, last.wait(), last.output())
	sessions := h.accounts()
	require.Len(t, sessions, 3)
	for _, a := range sessions {
		a.requireComplete(t)
		a.requireRight(t, want)
	}
}

// TestPinsWithoutAJournal: what was sent is not known, so nothing is told; the pins go and a session begins.
func TestPinsWithoutAJournal(t *testing.T) {
	h := newHost(t)
	h.agent().kill()
	require.NoError(t, os.WriteFile(filepath.Join(h.journal, "journal"), []byte("what is this?"), 0o600))
	p := h.agent()
	require.Contains(t, p.output(), "journal is missing or damaged")
	p.kill()
	require.NoError(t, os.Remove(filepath.Join(h.journal, "journal")))
	p = h.agent()
	require.Contains(t, p.output(), "journal is missing or damaged")
	p.signal(syscall.SIGINT)
	require.Zero(t, p.wait(), p.output())
}

// TestUnreadableVersion: records of another form are not read; the pins go and a session begins.
func TestUnreadableVersion(t *testing.T) {
	h := newHost(t)
	h.agent().kill()
	entries, err := os.ReadDir(h.pins)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	parts := strings.Split(entries[0].Name(), "_")
	parts[1], parts[2] = strings.Repeat("0", 16), strings.Repeat("0", 16)
	require.NoError(t, os.Rename(filepath.Join(h.pins, entries[0].Name()), filepath.Join(h.pins, strings.Join(parts, "_"))))
	p := h.agent()
	require.Contains(t, p.output(), "whose records this version cannot read")
	p.signal(syscall.SIGINT)
	require.Zero(t, p.wait(), p.output())
	entries, err = os.ReadDir(h.pins)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestAnotherName: a host that got another name has a session under each.
func TestAnotherName(t *testing.T) {
	h := newHost(t)
	h.agent("--host-id", "old").kill()
	p := h.agent("--host-id", "new")
	p.signal(syscall.SIGINT)
	require.Zero(t, p.wait(), p.output())
	sessions := h.accounts()
	require.Len(t, sessions, 2)
	for _, a := range sessions {
		a.requireComplete(t)
	}
}

// TestTwoAgents: the second one says that the first has the pins, and has a session of its own.
func TestTwoAgents(t *testing.T) {
	h := newHost(t)
	h.agent()
	h.listen = freeAddr(t)
	second := h.agent()
	require.Equal(t, 1, strings.Count(second.output(), "another agent holds the pins"), second.output())
	second.signal(syscall.SIGTERM)
	require.Zero(t, second.wait(), second.output())
}

// TestUninstall: the hooks that a killed agent left are gone.
func TestUninstall(t *testing.T) {
	h := newHost(t)
	p := h.agent()
	uninstall := func() string {
		cmd := exec.Command("/proc/self/exe", "uninstall", "--pins", h.pins)
		cmd.Env = append(os.Environ(), beTheAgent+"=1")
		out, _ := cmd.CombinedOutput() // the text says how it went
		return string(out)
	}
	require.Contains(t, uninstall(), "another agent holds the pins")
	p.kill()
	require.Contains(t, uninstall(), "removed the pins of 1 sessions")
	entries, err := os.ReadDir(h.pins)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestOrdinaryUser: two capabilities and the folders that prepare makes with one are enough to leave the session to the next run, and to
// go on with it.
func TestOrdinaryUser(t *testing.T) {
	h := newHost(t)
	place, err := os.MkdirTemp("", "tcpledger-agent-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(place)) })
	require.NoError(t, os.Chmod(place, 0o755)) //nolint:gosec // the other user runs what is in it
	own, err := os.Executable()
	require.NoError(t, err)
	binary := filepath.Join(place, "agent")
	h.journal = filepath.Join(place, "journal")
	out, err := exec.Command("cp", own, binary).CombinedOutput()
	require.NoError(t, err, string(out))
	for range 2 { // the second time there is nothing to do
		prepare := exec.Command("setpriv", "--inh-caps=-all,+chown", "--bounding-set=-all,+chown", binary, "prepare", "--user", "65534", "--pins", h.pins, "--journal", h.journal)
		prepare.Env = append(os.Environ(), beTheAgent+"=1")
		out, err := prepare.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(h.pins)), 0o755)) //nolint:gosec // the way to the folder of pins
	h.as = func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+bpf,+perfmon", "--ambient-caps=-all,+bpf,+perfmon",
			"--bounding-set=-all,+bpf,+perfmon", "--no-new-privs", binary}, cmd.Args[1:]...)
		cmd.Path, cmd.Err = exec.LookPath("setpriv")
	}
	h.agent().kill()
	second := h.agent()
	require.Contains(t, second.output(), "goes on with the session of an earlier run")
	second.signal(syscall.SIGINT)
	require.Zero(t, second.wait(), second.output())
	for _, a := range h.accounts() {
		a.requireComplete(t)
	}
}
