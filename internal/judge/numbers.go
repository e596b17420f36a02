// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"cmp"
	"fmt"
	"slices"

	"tcpledger/schema"
)

// number is the number of a row.
type number struct {
	stream uint32
	seq    uint64
}

func compareNumbers(a, b number) int {
	return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.seq, b.seq))
}

const (
	// maxPerSecond is more than one CPU and nesting level can count in a second.
	maxPerSecond = 10_000_000
	// head is how many seconds a young boot is ahead of its clock.
	head = 60
)

// maxNumber bounds what a stream can have counted by a moment of CLOCK_BOOTTIME in nanoseconds.
func maxNumber(boot uint64) uint64 { return (boot/1e9 + head) * maxPerSecond }

func tooMany(stream uint32, seq, boot uint64) string {
	return fmt.Sprintf("number %d of stream %d, %d s after boot", seq, stream, boot/1e9)
}

// countable reports whether ranges hold no more numbers than a message can.
func countable(ranges []schema.Range) bool {
	left := uint64(schema.MaxRecords)
	for _, r := range ranges {
		if r.To < r.From || r.To-r.From >= left {
			return false
		}
		left -= r.To - r.From + 1
	}
	return true
}

// contradicts says how the header's ranges differ from the numbers of the rows, "" if they do not. A row of an unknown kind counts
// if a range has its number: a kind may not be numbered.
func (j *Judge) contradicts(b *schema.Batch) string {
	if !countable(b.Ranges) {
		return fmt.Sprintf("%d ranges have more than %d numbers", len(b.Ranges), schema.MaxRecords)
	}
	if len(b.Unknown) == 0 && j.agrees(b) {
		return ""
	}
	return j.sorted(b)
}

// sorted compares the sorted numbers of the rows with the ranges.
func (j *Judge) sorted(b *schema.Batch) string {
	j.numbers = j.numbers[:0]
	for i := range b.Connections {
		j.numbers = append(j.numbers, number{b.Connections[i].Stream, b.Connections[i].Seq})
	}
	for i := range b.Events {
		j.numbers = append(j.numbers, number{b.Events[i].Stream, b.Events[i].Seq})
	}
	for _, u := range b.Unknown {
		if numberOf(b, u) != nil {
			j.numbers = append(j.numbers, number{u.Stream, u.Seq})
		}
	}
	slices.SortFunc(j.numbers, compareNumbers)
	return differs(j.numbers, b.Ranges)
}

// maxQuick bounds the ranges that agrees searches one by one: an honest batch has one for each stream.
const maxQuick = 32

// agrees reports whether the rows have exactly the numbers of the ranges. It is quick: contradicts sorts to say what differs, and for
// batches with many ranges or unknown rows.
func (j *Judge) agrees(b *schema.Batch) bool {
	if len(b.Ranges) > maxQuick || overlap(b.Ranges) {
		return false
	}
	j.seen, j.last = j.seen[:0], 0
	j.first = j.first[:0]
	for _, r := range b.Ranges {
		j.first = append(j.first, len(j.seen))
		j.seen = append(j.seen, make([]bool, r.To-r.From+1)...)
	}
	for i := range b.Connections {
		if !j.mark(b.Ranges, &b.Connections[i].Identity) {
			return false
		}
	}
	for i := range b.Events {
		if !j.mark(b.Ranges, &b.Events[i].Identity) {
			return false
		}
	}
	return len(b.Connections)+len(b.Events) == len(j.seen)
}

// overlap reports whether two of a few ranges have a number in common.
func overlap(ranges []schema.Range) bool {
	for i, a := range ranges {
		for _, b := range ranges[:i] {
			if a.Stream == b.Stream && a.From <= b.To && b.From <= a.To {
				return true
			}
		}
	}
	return false
}

// mark notes that a row has its number. It is false if no range has it or another row had it.
func (j *Judge) mark(ranges []schema.Range, id *schema.Identity) bool {
	for range ranges {
		if r := &ranges[j.last]; r.Stream == id.Stream && r.From <= id.Seq && id.Seq <= r.To {
			at := &j.seen[j.first[j.last]+int(id.Seq-r.From)]
			if *at {
				return false
			}
			*at = true
			return true
		}
		if j.last++; j.last == len(ranges) {
			j.last = 0
		}
	}
	return false
}

// differs compares sorted numbers with ranges.
func differs(numbers []number, ranges []schema.Range) string {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b schema.Range) int {
		return compareNumbers(number{a.Stream, a.From}, number{b.Stream, b.From})
	})
	for i, r := range sorted {
		if i > 0 && sorted[i-1].Stream == r.Stream && sorted[i-1].To >= r.From {
			return fmt.Sprintf("two ranges count number %d of stream %d", r.From, r.Stream)
		}
		for seq := r.From; ; seq++ {
			want := number{r.Stream, seq}
			if len(numbers) == 0 || numbers[0] != want {
				return fmt.Sprintf("no row has number %d of stream %d, which a range counts", seq, r.Stream)
			}
			if numbers = numbers[1:]; seq == r.To {
				break
			}
		}
	}
	if len(numbers) > 0 {
		return fmt.Sprintf("no range counts number %d of stream %d, which a row has", numbers[0].seq, numbers[0].stream)
	}
	return ""
}

// numberOf gives the number of a row of an unknown kind, or none if the header does not count it: that kind is not numbered.
func numberOf(b *schema.Batch, u schema.UnknownRow) []schema.Range {
	for _, r := range b.Ranges {
		if r.Stream == u.Stream && r.From <= u.Seq && u.Seq <= r.To {
			return []schema.Range{{Stream: u.Stream, From: u.Seq, To: u.Seq}}
		}
	}
	return nil
}
