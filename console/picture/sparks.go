// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tcpledger/query"
)

// Spark is the endings of one cause over time as a line of blocks. Highest is its highest slot, which begins at At in Unix seconds.
type Spark struct {
	Cause   string
	Highest uint64
	At      int64
	Blocks  string
}

var blocks = []rune("·▁▂▃▄▅▆▇█")

// Sparks draws each cause of the rates, which are counted in slots of that length, in the order of the chart's legend. The highest slot
// of a cause is a full block, one without endings a dot.
func Sparks(rates []query.Rate, w query.Window, slot time.Duration) []Spark {
	first, count := firstSlot(w, slot), barCount(w, slot)
	byCause := map[string][]uint64{}
	for _, r := range rates {
		n := int((r.Slot - first) / int64(slot/time.Second))
		if r.Slot < first || n >= count {
			continue
		}
		if byCause[r.Cause] == nil {
			byCause[r.Cause] = make([]uint64, count)
		}
		byCause[r.Cause][n] += r.Endings
	}
	var out []Spark
	for cause, counts := range byCause {
		highest := slices.Max(counts)
		at := first + int64(slices.Index(counts, highest))*int64(slot/time.Second)
		out = append(out, Spark{cause, highest, max(at, w.From.Unix()), spark(counts, highest)})
	}
	slices.SortFunc(out, func(a, b Spark) int {
		return cmp.Or(cmp.Compare(Rank(a.Cause), Rank(b.Cause)), strings.Compare(a.Cause, b.Cause))
	})
	return out
}

func spark(counts []uint64, highest uint64) string {
	var b strings.Builder
	top := uint64(len(blocks) - 1)
	for _, n := range counts {
		level := uint64(0)
		if n > 0 {
			level = max(1, uint64(float64(n)/float64(highest)*float64(top)))
		}
		b.WriteRune(blocks[level])
	}
	return b.String()
}
