// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"math/rand/v2"

	"tcpledger/test/lab"
)

// action is something bad that happens to a part, and its end.
type action struct {
	kind     string
	part     *part
	do, undo func()
}

func (a *action) String() string { return a.kind + " of " + a.part.name }

// actions are all that can happen to the parts. What is random in one is of the seed.
func (s *stack) actions(random *rand.Rand) (all []action) {
	for _, p := range s.parts {
		var heal func()
		all = append(all,
			action{"kill -9", p, p.kill, p.start},
			action{"freeze", p, p.freeze, p.thaw},
			action{"restart", p, p.stop, p.start},
			action{"partition", p, func() { heal = p.host.Cut(p.t) }, func() { heal() }},
		)
		if p.disk != "" {
			all = append(all, action{"full disk", p, p.fill, p.empty})
		}
		if p.spool != "" {
			all = append(all, s.damage("bit flip", p, func(path string) { flip(p.t, path, random) }),
				s.damage("torn tail", p, func(path string) { tear(p.t, path, random) }))
		}
	}
	return all
}

// fill takes all the room of the part's disk.
func (p *part) fill() {
	p.t.Helper()
	p.down = p.down || p.dies
	lab.FillDisk(p.t, p.disk)
}

// empty gives the room back. A broker has ended by then, or is ended.
func (p *part) empty() {
	p.t.Helper()
	lab.EmptyDisk(p.t, p.disk)
	if p.dies {
		p.kill()
		p.start()
	}
}
