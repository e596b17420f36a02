// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"slices"
)

// span is a range of numbers: low is in it, end is not.
type span struct{ low, end uint64 }

func (s span) length() uint64 { return s.end - s.low }

// cut keeps the part of s that is in within. The part is empty if its low is not below its end.
func (s span) cut(within span) span { return span{max(s.low, within.low), min(s.end, within.end)} }

// union sorts spans and joins those that touch. It returns the numbers that come again, too; empty spans do not count.
func union(spans []span) (joined []span, again uint64) {
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.low >= s.end })
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.low, b.low) })
	for _, s := range spans {
		last := len(joined) - 1
		if last < 0 || s.low > joined[last].end {
			joined = append(joined, s)
			continue
		}
		again += min(s.end, joined[last].end) - s.low
		joined[last].end = max(joined[last].end, s.end)
	}
	return joined, again
}

// count is how many numbers disjoint spans hold.
func count(spans []span) (n uint64) {
	for _, s := range spans {
		n += s.length()
	}
	return n
}

// holes are the parts of within that joined, as union returns it, does not hold.
func holes(within span, joined []span) []span {
	var out []span
	at := within.low
	for _, s := range joined {
		if s = s.cut(within); s.low >= s.end {
			continue
		}
		if s.low > at {
			out = append(out, span{at, s.low})
		}
		at = max(at, s.end)
	}
	if at < within.end {
		out = append(out, span{at, within.end})
	}
	return out
}

// cutAll cuts each of spans to within. The result shares nothing with spans.
func cutAll(spans []span, within span) []span {
	out := make([]span, 0, len(spans))
	for _, s := range spans {
		out = append(out, s.cut(within))
	}
	return out
}
