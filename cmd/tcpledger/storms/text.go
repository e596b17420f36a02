// SPDX-License-Identifier: Apache-2.0

package storms

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/query/when"
)

const (
	// maxFactors bounds the factors that the text shows of a storm, maxFrames the frames of a path; JSON has all.
	maxFactors = 6
	maxFrames  = 4
	// maxName bounds a name in the text.
	maxName = 60
)

// Text writes storms for a person.
func Text(w query.Window, found []query.Storm, zone *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s\n\n", when.Show(w.From.In(zone)), when.Show(w.To.In(zone)))
	if len(found) == 0 {
		b.WriteString("No storm: nothing departed from its own past.\n")
		return b.String()
	}
	t := text.NewTable(0, []string{"BEGAN", "LASTED", "DEPARTED", "COUNT", "EXPECTED", "PEAK A MINUTE", "MAIN FACTOR"}, 1, 2, 3, 7)
	for i := range found {
		s := &found[i]
		for j := range s.Departed {
			d := &s.Departed[j]
			began, lasted, factor := when.Show(s.Began.In(zone)), lasted(s), mainFactor(d.Factors)
			if j > 0 {
				began, lasted = "", ""
			}
			t.Row(began, lasted, d.What, text.Count(d.Records), number(d.Expected), text.Count(d.Peak), factor)
		}
	}
	fmt.Fprintln(&b, t.String())
	for i := range found {
		writeFactors(&b, &found[i], zone)
	}
	return b.String()
}

func lasted(s *query.Storm) string {
	length := text.Duration(s.Ended.Sub(s.Began))
	if !s.Over {
		return length + ", goes on"
	}
	return length
}

func mainFactor(factors []query.Factor) string {
	if len(factors) == 0 {
		return "?"
	}
	return factors[0].Dimension + " " + name(&factors[0])
}

func name(f *query.Factor) string {
	if len(f.Frames) > 0 {
		return text.Line(strings.Join(f.Frames[:min(maxFrames, len(f.Frames))], " < "), maxName)
	}
	return text.Line(f.Value, maxName)
}

// writeFactors says what a storm is made of: that of what departed most.
func writeFactors(b *strings.Builder, s *query.Storm, zone *time.Location) {
	fmt.Fprintf(b, "\n%s from %s: %s against %s expected (the %s said so), found %s\n", s.Departed[0].What, when.Show(s.Began.In(zone)), text.Count(s.Records), number(s.Expected),
		pasts[s.Departed[0].Against], when.Show(s.Departed[0].FoundAt.In(zone)))
	if len(s.Factors) == 0 {
		b.WriteString("What it is made of is not known: its rows are not there, or are not looked at yet.\n")
		return
	}
	t := text.NewTable(0, []string{"FACTOR", "VALUE", "COUNT", "SHARE", "BEFORE", "EXPLAINS"}, 1, 2)
	for i := range s.Factors[:min(maxFactors, len(s.Factors))] {
		f := &s.Factors[i]
		t.Row(f.Dimension, name(f), text.Count(f.Records), percent(f.Share), percent(f.Before), percent(f.Explains))
	}
	fmt.Fprintln(b, t.String())
}

// pasts are the names of the pasts in a sentence.
var pasts = map[string]string{"hour": "hour before", "days": "same hour of other days", "weeks": "same hour of other weeks"}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

// number writes an expected count: small ones are fractions.
func number(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.1f", n)
	}
	return text.Count(uint64(math.Round(n)))
}
