// SPDX-License-Identifier: Apache-2.0

package message

import (
	"cmp"
	"slices"

	"tcpledger/schema"
)

const (
	// lossBucket keeps the losses of a long outage apart, so that a question about a window finds its own.
	lossBucket = uint64(300e9)
	// MaxLosses bounds the ranges, and so the memory under any outage: from here on neighbours are joined whatever their time and
	// cause. Joined ranges of different causes count as overflow, because the overflow kept them from being sent.
	MaxLosses = 10_000
)

// Losses are ranges of one session that are not sent yet, disjoint, by stream and number. Neighbours of one cause are one range.
// It is not safe for concurrent use.
type Losses struct{ ranges []schema.Loss }

// Len counts the ranges.
func (l *Losses) Len() int { return len(l.ranges) }

// Lost counts the numbers in the ranges.
func (l *Losses) Lost() (n uint64) {
	for i := range l.ranges {
		n += l.ranges[i].Lost()
	}
	return n
}

// Add puts a range in. No number of it may be in already.
func (l *Losses) Add(loss schema.Loss) {
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

func (l *Losses) joins(a, b schema.Loss) bool {
	return a.Stream == b.Stream && a.SeqTo+1 == b.SeqFrom &&
		(a.Cause == b.Cause && a.At/lossBucket == b.At/lossBucket || len(l.ranges) >= MaxLosses)
}

func join(a, b schema.Loss) schema.Loss {
	if a.Cause != b.Cause {
		a.Cause = schema.LossQueueOverflow
	}
	a.SeqTo, a.At = b.SeqTo, min(a.At, b.At)
	return a
}

// Take removes and gives at most maxRanges ranges.
func (l *Losses) Take(maxRanges int) []schema.Loss {
	n := min(maxRanges, len(l.ranges))
	if n <= 0 {
		return nil
	}
	out := slices.Clone(l.ranges[:n])
	l.ranges = slices.Delete(l.ranges, 0, n)
	return out
}
