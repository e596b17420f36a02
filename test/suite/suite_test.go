// SPDX-License-Identifier: Apache-2.0

// Package suite runs the endings against an agent alone: the running kernel on one side, the bytes on the wire on the
// other. It is one static test binary, so that it runs inside other kernels too.
package suite

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/endings"
	"tcpledger/test/lab"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	m.Run()
}

// agent starts the agent: the binary that TCPLEDGER_TEST_AGENT names, or one built now.
func agent(t testing.TB, broker string, args ...string) *exec.Cmd {
	t.Helper()
	path := os.Getenv("TCPLEDGER_TEST_AGENT")
	if path == "" {
		path = filepath.Join(t.TempDir(), "agent")
		out, err := exec.Command("go", "build", "-o", path, "tcpledger/agent").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	cmd := exec.Command(path, append([]string{"--brokers", broker, "--listen", "127.0.0.1:0", "--symbols-delay", "0s"}, args...)...)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// made is a scenario that ran in its lab, and its truth.
type made struct {
	name  string
	want  []endings.Expect
	world *lab.Lab
}

// TestEndings makes every ending, then judges the rows. It prints a line for each row: right, unknown or wrong. Wrong fails.
func TestEndings(t *testing.T) {
	// Foreign load shares the budgets: without them, what the kernel shows of these labs is all there.
	w := watching(t, "--budget", "reset_sent=0", "--budget", "drop=0", "--budget", "error=0")
	var worlds []*lab.Lab
	var all []made
	judged := 0
	for _, s := range endings.Scenarios() {
		world := lab.New(t) // lives to the end of the test: no other scenario gets its inode numbers
		worlds = append(worlds, world)
		t.Run(s.Name, func(t *testing.T) {
			m := made{s.Name, attempt(t, s, world), world}
			if s.Held {
				judged += w.prove(t, m)
				return
			}
			all = append(all, m)
		})
	}
	for _, m := range all {
		t.Run("rows of "+m.name, func(t *testing.T) { judged += w.prove(t, m) })
	}
	w.stop()
	require.Len(t, w.in(t, worlds...), judged, "rows came after their scenario was judged")
	w.shows(t, worlds)
}

// attempt runs the scenario. One that does not run to its end is wrong, one that the kernel cannot have is skipped.
func attempt(t *testing.T, s endings.Scenario, world *lab.Lab) []endings.Expect {
	t.Helper()
	watched, ended := &skipping{TB: t}, false
	defer func() {
		switch {
		case t.Skipped():
			verdict(t, s.Name, "skipped", watched.why)
		case !ended:
			verdict(t, s.Name, "wrong", "the scenario did not run to its end")
		}
	}()
	want := s.Run(watched, world)
	ended = true
	return want
}

// prove judges the rows of the scenario and says how many there were.
func (l *published) prove(t *testing.T, m made) int {
	t.Helper()
	l.reach(t, func() bool { return len(l.in(t, m.world)) >= len(m.want) })
	got := l.in(t, m.world)
	judge(t, m.name, m.want, got)
	return len(got)
}

// skipping keeps the reason why a scenario skips.
type skipping struct {
	testing.TB
	why string
}

func (s *skipping) Skip(args ...any) {
	s.Helper()
	s.why = fmt.Sprint(args...)
	s.TB.Skip(args...)
}

func judge(t *testing.T, scenario string, want []endings.Expect, got []*schema.Connection) {
	for _, w := range want {
		i := slices.IndexFunc(got, func(c *schema.Connection) bool {
			return c.Role == w.Role && netip.AddrPortFrom(c.LocalIP, c.LocalPort) == w.Local && netip.AddrPortFrom(c.RemoteIP, c.RemotePort) == w.Remote
		})
		if i < 0 {
			verdict(t, scenario, "wrong", fmt.Sprintf("no row for %+v", w))
			continue
		}
		c := got[i]
		got = slices.Delete(slices.Clone(got), i, i+1)
		word, why := compare(&w, c)
		verdict(t, scenario, word, why)
	}
	for _, c := range got {
		verdict(t, scenario, "wrong", fmt.Sprintf("a row nobody expects: %+v %+v", schema.Decide(c), c))
	}
}

// verdict prints what the table of kernels is made from.
func verdict(t *testing.T, scenario, word, why string) {
	fmt.Printf("VERDICT\t%s\t%s\t%s\n", scenario, word, why)
	if word == "wrong" {
		t.Errorf("wrong: %s", why)
	}
}

// compare says right, unknown (the ledger says that it does not know) or wrong, and why.
func compare(w *endings.Expect, c *schema.Connection) (word, why string) {
	v := schema.Decide(c)
	var wrong, unknown []string
	differ := func(name string, want, got any, isUnknown bool) {
		switch {
		case want == got:
		case isUnknown:
			unknown = append(unknown, name)
		default:
			wrong = append(wrong, fmt.Sprintf("%s: want %v, got %v", name, want, got))
		}
	}
	differ("restored", w.Restored, c.Flags.Has(schema.FlagRestored) && !c.OpenedAt.Known && !c.ConnectUS.Known, false)
	differ("cause", w.Cause, v.Cause, v.Cause == schema.CauseUnknown)
	differ("initiator", w.Initiator, v.Initiator, v.Initiator == schema.InitiatorUnknown)
	differ("reset", w.Reset, v.Reset, false)
	differ("error", w.Error, schema.ErrnoName(c.EndError()), false)
	differ("flavour", w.Flavour.String(), c.Flavour.String(), false)
	if !w.AnyBytes {
		differBytes(differ, w, c)
	}
	differ("netns", w.NetNS, c.NetNS, false)
	if w.OwnerPID != 0 {
		differ("owner", w.OwnerPID, c.Owner.PID, c.Owner.How == schema.OwnerUnknown)
		differ("owner comm", w.OwnerComm, c.Owner.Comm, c.Owner.How == schema.OwnerUnknown)
	}
	if !slices.Contains(w.OwnerHow, c.Owner.How) {
		differ("owner_how", fmt.Sprint(w.OwnerHow), c.Owner.How.String(), c.Owner.How == schema.OwnerUnknown)
	}
	if len(wrong) > 0 {
		return "wrong", strings.Join(wrong, "; ") + fmt.Sprintf(" | %+v", *c)
	}
	if len(unknown) > 0 {
		return "unknown", strings.Join(unknown, ", ")
	}
	return "right", ""
}

func differBytes(differ func(string, any, any, bool), w *endings.Expect, c *schema.Connection) {
	fin := c.Flags.Has(schema.FlagFinReceived)
	differ("sent", w.Sent, c.BytesSent(), false)
	differ("received", w.Received, c.BytesReceived(fin), false)
	differ("unread", w.Unread, c.BytesUnread(fin), false)
}
