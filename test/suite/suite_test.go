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
func agent(t testing.TB, broker string, change func(*exec.Cmd), args ...string) *exec.Cmd {
	t.Helper()
	path := os.Getenv("TCPLEDGER_TEST_AGENT")
	if path == "" {
		path = filepath.Join(t.TempDir(), "agent")
		out, err := exec.Command("go", "build", "-o", path, "tcpledger/agent").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	cmd := exec.Command(path, append([]string{"--brokers", broker, "--listen", "127.0.0.1:0", "--symbols-delay", "0s", "--pins", "none"}, args...)...)
	cmd.Stderr = os.Stderr
	change(cmd)
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
	scenario endings.Scenario
	want     []endings.Expect
	world    *lab.Lab
}

// TestEndings makes every ending, then judges the rows. It prints a line for each row: right, unknown or wrong. Wrong fails.
func TestEndings(t *testing.T) {
	// Foreign load shares the budgets: without them, what the kernel shows of these labs is all there.
	w := &judged{watch: watching(t, "--budget", "reset_sent=0", "--budget", "drop=0", "--budget", "error=0")}
	if os.Getenv("TCPLEDGER_TEST_GUEST") == "" {
		w.trace = lab.StartTrace(t)
	}
	var all []made
	for _, s := range endings.Scenarios() {
		world := w.newWorld()
		t.Run(s.Name, func(t *testing.T) {
			m := made{s, attempt(t, s, world), world}
			if s.Held {
				w.prove(t, m)
				return
			}
			all = append(all, m)
		})
	}
	for _, m := range all {
		t.Run("rows of "+m.scenario.Name, func(t *testing.T) { w.prove(t, m) })
	}
	w.stop()
	require.Len(t, w.in(t, w.worlds...), w.count, "rows came after their scenario was judged")
	w.shows(t, w.worlds)
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
		i := slices.IndexFunc(got, func(c *schema.Connection) bool { return ofEnding(&w, c) })
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

// ofEnding reports whether it is the row of the expected ending.
func ofEnding(e *endings.Expect, c *schema.Connection) bool {
	return c.Role == e.Role && netip.AddrPortFrom(c.LocalIP, c.LocalPort) == e.Local && netip.AddrPortFrom(c.RemoteIP, c.RemotePort) == e.Remote
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
