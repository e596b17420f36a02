// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func failuresOf(text string) string {
	var o output
	for l := range strings.Lines(text) {
		o.line(strings.TrimRight(l, "\n"))
	}
	return o.failures()
}

func TestFailuresNameTheTestAndItsError(t *testing.T) {
	text := failuresOf(`GUEST BEGINS 7.2.0
=== RUN   TestEndings
=== RUN   TestEndings/killed
    killed.go:3: before
    suite_test.go:148: wrong: cause: want killed, got unknown
=== RUN   TestEndings/refused
--- FAIL: TestEndings (9.00s)
    --- FAIL: TestEndings/killed (1.00s)
    --- PASS: TestEndings/refused (1.00s)
=== RUN   TestStorm
    storm_test.go:50: totals of the witness: map[]
    storm_test.go:51: ` + `
        	Error Trace:	/src/test/suite/storm_test.go:51
        	            	/src/test/suite/other.go:1
        	Error:      	Should be zero, but was 7
        	Test:       	TestStorm
        	Messages:   	the witness has room for everything
    watch_test.go:58: totals: map[began_before:1]
--- FAIL: TestStorm (3.00s)
FAIL
`)
	require.Equal(t, `failed: TestEndings/killed
    suite_test.go:148: wrong: cause: want killed, got unknown
failed: TestStorm
        	Error Trace:	/src/test/suite/storm_test.go:51
        	Error:      	Should be zero, but was 7
        	Test:       	TestStorm
        	Messages:   	the witness has room for everything`, text)
}

func TestFailuresAreShort(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "=== RUN   T%d\n%s\n    x_test.go:1: %s\n--- FAIL: T%d (0.0s)\n", i, "noise", strings.Repeat("x", 1<<16), i)
	}
	lines := strings.Split(failuresOf(text.String()), "\n")
	require.Len(t, lines, 2*maxReported+1)
	require.Equal(t, "and 96 more", lines[len(lines)-1])
	for _, l := range lines {
		require.LessOrEqual(t, len(l), maxReportLength)
	}
}

// TestFailuresWithoutAFailedTest: a program that dies says why, or at least what it said last.
func TestFailuresWithoutAFailedTest(t *testing.T) {
	require.Equal(t, "panic: test timed out after 20m0s\n\trunning tests:\n\t\tTestStorm (19m0s)\n",
		failuresOf("=== RUN   TestStorm\npanic: test timed out after 20m0s\n\trunning tests:\n\t\tTestStorm (19m0s)\n\ngoroutine 1\n"))
	require.Equal(t, "GUEST BEGINS 7.2.0\n/suite.test: not found", failuresOf("GUEST BEGINS 7.2.0\n/suite.test: not found\n"))
	require.Empty(t, failuresOf(""))
}
