// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tcpledger/query/when"
)

// ParseAgainst reads the window that w is compared with: -1d is a window as long as w that is a day (24 hours) earlier, FROM/TO are two
// moments that when.Parse knows. "" is none.
func ParseAgainst(s string, w Window, now time.Time) (*Window, error) {
	if s == "" {
		return nil, nil
	}
	if from, to, ok := strings.Cut(s, "/"); ok {
		past, err := ParseWindow(from, to, now)
		return &past, err
	}
	begin, err := when.Parse(s, w.From)
	if err != nil || !strings.HasPrefix(s, "-") || !begin.Before(w.From) {
		return nil, fmt.Errorf("%q is no window: want -1d, -7d, FROM/TO, or storm", s)
	}
	return &Window{begin, begin.Add(w.Length())}, nil
}

// Change is a group of endings that a window has more of than another one: as often in the other window as Expected says, which is
// scaled to the window's length. New means that the other window has none.
type Change struct {
	Key      []string `json:"key"`
	Endings  uint64   `json:"endings"`
	Expected float64  `json:"expected"`
	New      bool     `json:"new"`
}

// excess is how many endings there are beyond what was expected.
func (c *Change) excess() float64 { return float64(c.Endings) - c.Expected }

// A group has grown if it has at least twice what was expected, and some more: small counts vary by themselves.
const (
	grownFactor = 2
	grownFloor  = 5
)

func (c *Change) grown() bool {
	return c.New || float64(c.Endings) >= grownFactor*c.Expected && c.excess() >= grownFloor
}

// Against lists the groups of endings that are new in w or at least twice as frequent as in the window past, the largest excess first.
// Of each window it knows the 10,000 largest groups. grown is how many such groups there are in all.
func (c *Client) Against(ctx context.Context, w, past Window, f Filter, top int, by ...Dimension) (changes []Change, grown int, err error) {
	now, err := c.Endings(ctx, w, f, maxRows, by...)
	if err != nil {
		return nil, 0, err
	}
	then, err := c.Endings(ctx, past, f, maxRows, by...)
	if err != nil {
		return nil, 0, err
	}
	keyed := func(groups []Group) []tallied {
		out := make([]tallied, len(groups))
		for i := range groups {
			out[i] = tallied{groups[i].Key, groups[i].Endings}
		}
		return out
	}
	changes, grown = compare(keyed(now), keyed(then), w, past, top)
	return changes, grown, nil
}

// PathsAgainst is Against for code paths. A change's key is the path and one of its stacks.
func (c *Client) PathsAgainst(ctx context.Context, w, past Window, f Filter, top int) (changes []Change, grown int, err error) {
	now, err := c.pathsOf(ctx, w, f, maxRows)
	if err != nil {
		return nil, 0, err
	}
	then, err := c.pathsOf(ctx, past, f, maxRows)
	if err != nil {
		return nil, 0, err
	}
	stacks := map[string]string{}
	keyed := func(paths []Path) []tallied {
		out := make([]tallied, len(paths))
		for i := range paths {
			id := strconv.FormatUint(paths[i].Path, 10)
			stacks[id] = strconv.FormatUint(paths[i].StackID, 10)
			out[i] = tallied{[]string{id}, paths[i].Endings}
		}
		return out
	}
	changes, grown = compare(keyed(now), keyed(then), w, past, top)
	for i := range changes {
		changes[i].Key = append(changes[i].Key, stacks[changes[i].Key[0]])
	}
	return changes, grown, nil
}

// tallied is a group's key and its endings.
type tallied struct {
	key     []string
	endings uint64
}

func compare(now, then []tallied, w, past Window, top int) ([]Change, int) {
	before := map[string]uint64{}
	for _, g := range then {
		before[joined(g.key)] = g.endings
	}
	scale := w.Length().Seconds() / past.Length().Seconds()
	var out []Change
	for _, g := range now {
		n, known := before[joined(g.key)]
		change := Change{slices.Clone(g.key), g.endings, float64(n) * scale, !known}
		if change.grown() {
			out = append(out, change)
		}
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.excess(), a.excess()), slices.Compare(a.Key, b.Key))
	})
	return out[:min(len(out), top)], len(out)
}

// joined makes one text of a key that no other key has.
func joined(key []string) string {
	out := ""
	for _, part := range key {
		out += strconv.Quote(part)
	}
	return out
}
