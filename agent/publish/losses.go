// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"cmp"
	"slices"

	"tcpledger/schema"
)

const (
	// lossBucket keeps the losses of a long outage apart, so that a question about a window finds its own.
	lossBucket = uint64(300e9)
	// maxLosses bounds the ranges, and so the memory under any outage: from here on neighbours are joined whatever their time and
	// cause. Joined ranges of different causes count as overflow, because the overflow kept them from being sent.
	maxLosses = 10_000
)

// losses are the ranges that are not sent yet, disjoint, by stream and number. Neighbours of one cause are one range.
type losses struct{ ranges []schema.Loss }

func (l *losses) add(loss schema.Loss) {
	i, _ := slices.BinarySearchFunc(l.ranges, loss, func(a, b schema.Loss) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.SeqFrom, b.SeqFrom))
	})
	joined := loss
	from, to := i, i
	if i > 0 && l.joins(l.ranges[i-1], joined) {
		from = i - 1
		joined = join(l.ranges[from], joined)
	}
	if i < len(l.ranges) && l.joins(joined, l.ranges[i]) {
		joined = join(joined, l.ranges[i])
		to = i + 1
	}
	l.ranges = slices.Replace(l.ranges, from, to, joined)
}

func (l *losses) joins(a, b schema.Loss) bool {
	return a.Stream == b.Stream && a.SeqTo+1 == b.SeqFrom &&
		(a.Cause == b.Cause && a.At/lossBucket == b.At/lossBucket || len(l.ranges) >= maxLosses)
}

func join(a, b schema.Loss) schema.Loss {
	if a.Cause != b.Cause {
		a.Cause = schema.LossQueueOverflow
	}
	a.SeqTo, a.At = b.SeqTo, min(a.At, b.At)
	return a
}

// take removes and gives at most maxRanges ranges.
func (l *losses) take(maxRanges int) []schema.Loss {
	n := min(maxRanges, len(l.ranges))
	if n <= 0 {
		return nil
	}
	out := slices.Clone(l.ranges[:n])
	l.ranges = slices.Delete(l.ranges, 0, n)
	return out
}
