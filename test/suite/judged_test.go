// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"slices"
	"testing"

	"tcpledger/schema"
	"tcpledger/test/endings"
	"tcpledger/test/lab"
)

// maxAgain bounds how often a scenario is made again because the kernel hid some of it.
const maxAgain = 3

// judged is a watch whose rows are judged by scenario.
type judged struct {
	*watch
	trace  *lab.Trace // nil: the kernel hides nothing
	worlds []*lab.Lab
	count  int // judged so far
}

// newWorld makes a lab that lives to the end of the test: no other scenario gets its namespaces' numbers.
func (w *judged) newWorld() *lab.Lab {
	world := lab.New(w.t)
	w.worlds = append(w.worlds, world)
	return world
}

// prove judges the rows of the scenario. It makes the scenario again if a row is not right and the kernel ran no program for
// one of its events.
func (w *judged) prove(t *testing.T, m made) {
	t.Helper()
	for again := 0; ; again++ {
		w.reach(t, func() bool { return len(w.in(t, m.world)) >= len(m.want) })
		got := w.in(t, m.world)
		w.count += len(got)
		if again == maxAgain || allRight(m.want, got) || !w.hidden(t, m) {
			judge(t, m.scenario.Name, m.want, got)
			return
		}
		m.world = w.newWorld()
		m.want = attempt(t, m.scenario, m.world)
	}
}

// hidden logs the scenario's events for which the kernel ran no program, and returns whether there are any.
func (w *judged) hidden(t *testing.T, m made) bool {
	t.Helper()
	found := false
	for _, e := range m.want {
		for _, line := range w.trace.Unseen(t, e.Local, e.Remote) {
			t.Log("the kernel ran no program:", line)
			found = true
		}
	}
	return found
}

// allRight reports whether each expected ending has its row, and no row is wrong or left over.
func allRight(want []endings.Expect, got []*schema.Connection) bool {
	if len(got) != len(want) {
		return false
	}
	return !slices.ContainsFunc(want, func(e endings.Expect) bool {
		return !slices.ContainsFunc(got, func(c *schema.Connection) bool {
			if !ofEnding(&e, c) {
				return false
			}
			word, _ := compare(&e, c)
			return word != "wrong"
		})
	})
}
