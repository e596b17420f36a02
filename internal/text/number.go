// SPDX-License-Identifier: Apache-2.0

// Package human writes numbers for people: thousands apart, bytes and durations in the unit that reads best.
package text

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// nothing is shown for 0, so that what is there stands out.
const nothing = "·"

// Number writes thousands apart.
func Number(n uint64) string { return humanize.Comma(int64(min(n, math.MaxInt64))) }

// Count is Number, but a dot for 0.
func Count(n uint64) string {
	if n == 0 {
		return nothing
	}
	return Number(n)
}

// Size writes bytes, a dot for 0.
func Size(n uint64) string {
	if n == 0 {
		return nothing
	}
	return humanize.IBytes(n)
}

// Microseconds writes a duration.
func Microseconds(us float64) string {
	switch {
	case us < 1_000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 1_000_000:
		return fmt.Sprintf("%.3g ms", us/1_000)
	case us < 60_000_000:
		return fmt.Sprintf("%.3g s", us/1_000_000)
	}
	d := (time.Duration(us) * time.Microsecond).Round(time.Second)
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	if s := d.String(); strings.HasSuffix(s, "m0s") {
		return strings.TrimSuffix(s, "0s")
	}
	return d.String()
}
