// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"hash/fnv"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The agent chooses the decisive stack by ResetDecides, the ingester the cause by Decide: without an error the two agree on
// every evidence there is.
func TestResetDecidesAgreesWithDecide(t *testing.T) {
	decided := 0
	for state := range State(13) {
		for flags := Flags(0); flags <= FlagResetUnseen<<1-1; flags++ {
			for _, errno := range []int32{0, errConnReset} {
				c := Connection{Evidence: Evidence{LastState: state, Flags: flags, Error: errno}}
				want := errno == 0 && Decide(&c).Cause == CauseDataAfterClose
				if ResetDecides(&c) != want {
					require.Equal(t, want, ResetDecides(&c), "%+v", c.Evidence)
				}
				if want {
					decided++
				}
			}
		}
	}
	require.Positive(t, decided)
}

// TestVerdictsOfAVersionNeverChange decides a grid of evidence and compares the verdicts with those of the version's file: rows say which
// version decided them. A change that decides differently has the next RulesVersion.
func TestVerdictsOfAVersionNeverChange(t *testing.T) {
	verdicts := map[Verdict]int{}
	sum, text := fnv.New64a(), []byte(nil)
	for c := range evidenceGrid() {
		v := Decide(c)
		verdicts[v]++
		text = append(append(append(text[:0], v.Cause...), v.Initiator...), v.Reset...)
		_, _ = sum.Write(text) // a hash never fails
	}
	lines := []string{fmt.Sprintf("sum %016x", sum.Sum64())}
	for v, n := range verdicts {
		lines = append(lines, fmt.Sprintf("%s %s %s %d", v.Cause, v.Initiator, v.Reset, n))
	}
	slices.Sort(lines)
	released(t, filepath.Join("testdata", fmt.Sprintf("verdicts.%d.txt", RulesVersion)), strings.Join(lines, "\n")+"\n")
}

// evidenceGrid gives each combination of the evidence that decides. A value holds until the next one.
func evidenceGrid() iter.Seq[*Connection] {
	choices := []func(c *Connection, i uint64){
		func(c *Connection, i uint64) { c.LastState = State(i % 13) },
		func(c *Connection, i uint64) {
			c.Error = []int32{0, errConnReset, errPipe, errTimedOut, errConnRefused, errHostUnreach, errConnAborted, 5}[i%8]
		},
		func(c *Connection, i uint64) { c.Flags = Flags(i % 64) },
		func(c *Connection, i uint64) {
			c.Flags |= []Flags{0, FlagFinReceived, FlagLinger2Off, FlagResetReceived, FlagResetSent, FlagResetAfter, FlagResetAfter | FlagResetAnswers,
				FlagBeganBefore, FlagNoCloseSeen, FlagResetUnseen, FlagNoSequence, FlagResetReceived | FlagResetAfter | FlagResetAnswers}[i%12]
		},
		func(c *Connection, i uint64) { c.FirstFin = Side(i % 3) },
		func(c *Connection, i uint64) { c.FirstFinFlags = Flags(i % 8) },
	}
	sizes := []uint64{13, 8, 64, 12, 3, 8}
	return func(yield func(*Connection) bool) {
		for n := range product(sizes) {
			c := &Connection{}
			// What has no choice of its own varies with the number.
			c.SegsOut, c.LocalPort, c.Shutdown = uint32(n%2), uint16(n/3%2), uint8(n/5%4)
			c.SendWindow, c.ProbesOut, c.TimerRetries = uint32(n/7%2), uint32(n/11%2), uint32(n/13%2)
			c.SndNxt, c.WriteSeq, c.RcvNxt = uint32(n/17%2), uint32(n/17%2+n/19%2), uint32(n/23%3)
			c.ErrorReported, c.ErrorSoft = int32(n/29%2)*errConnRefused, int32(n/31%3/2)*errHostUnreach
			c.Context.Kind, c.ResetReason = CtxKind(n/37%5), []string{"", resetOnMemory}[n/41%5/4]
			for i, rest := 0, n; i < len(sizes); i++ {
				choices[i](c, rest)
				rest /= sizes[i]
			}
			if !yield(c) {
				return
			}
		}
	}
}

func product(sizes []uint64) uint64 {
	n := uint64(1)
	for _, size := range sizes {
		n *= size
	}
	return n
}
