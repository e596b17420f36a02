// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The bounds of a failure report: who reads a long run's output often sees its last 20 lines only.
const (
	maxReported     = 4   // tests
	maxReportLines  = 4   // of each
	maxReportLength = 240 // bytes of a line
)

// output is that of a test program, run with -test.v, divided by the tests that printed it.
type output struct {
	current string
	lines   map[string][]string
	failed  []string
	died    []string // what it said as it died: a panic, or its timeout
}

var (
	switches = regexp.MustCompile(`^=== (?:RUN|CONT|NAME)\s+(\S+)`)
	fails    = regexp.MustCompile(`^\s*--- FAIL: (\S+)`)
	dies     = regexp.MustCompile(`^(?:panic:|fatal error:|SIG[A-Z]+:|Kernel panic)`)
	logged   = regexp.MustCompile(`^\s+\S+\.go:\d+: `)
)

// line takes the next line of the output.
func (o *output) line(text string) {
	if o.lines == nil {
		o.lines = map[string][]string{}
	}
	if m := switches.FindStringSubmatch(text); m != nil {
		o.current = m[1]
		return
	}
	if m := fails.FindStringSubmatch(text); m != nil {
		o.failed = append(o.failed, m[1])
		return
	}
	if dies.MatchString(text) || len(o.died) > 0 && len(o.died) < maxReportLines {
		o.died = append(o.died, text)
	}
	o.lines[o.current] = append(o.lines[o.current], text)
}

// failures reports the failed tests with the first lines of their errors. If no test failed, it is the end of the output.
func (o *output) failures() string {
	var out []string
	reported := 0
	for _, name := range o.failed {
		about := errorLines(o.lines[name])
		if len(about) == 0 && o.below(name) {
			continue // it failed because of its subtests
		}
		if reported++; reported <= maxReported {
			out = append(append(out, "failed: "+name), about...)
		}
	}
	if reported > maxReported {
		out = append(out, fmt.Sprintf("and %d more", reported-maxReported))
	}
	if out = append(out, o.died...); len(out) == 0 {
		out = tail(o.lines[o.current])
	}
	for i, l := range out {
		out[i] = l[:min(len(l), maxReportLength)]
	}
	return strings.Join(out, "\n")
}

// below reports whether a subtest of the test failed.
func (o *output) below(name string) bool {
	return slices.ContainsFunc(o.failed, func(f string) bool { return strings.HasPrefix(f, name+"/") })
}

// errorLines returns the first assertion that failed, without its trace, or the last thing that was logged.
func errorLines(lines []string) []string {
	first := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "Error Trace:") })
	if first >= 0 {
		where := lines[first]
		message := slices.IndexFunc(lines[first:], func(l string) bool { return strings.Contains(l, "Error:") })
		if message < 0 {
			return []string{where}
		}
		return append([]string{where}, lines[first+message:min(len(lines), first+message+maxReportLines-1)]...)
	}
	for i, l := range slices.Backward(lines) {
		if logged.MatchString(l) {
			return lines[i:min(len(lines), i+maxReportLines)]
		}
	}
	return nil
}

func tail(lines []string) []string { return slices.Clone(lines[max(0, len(lines)-maxReportLines):]) }
