// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Count writes n with its thousands apart: "1,234".
func Count(n uint64) string { return humanize.Comma(int64(min(n, math.MaxInt64))) }

// Bytes writes n bytes in the unit that reads best, rounded: "8.8 KiB".
func Bytes(n uint64) string { return humanize.IBytes(n) }

// Dot writes a dot for 0 and what format writes for any other n: in a table the numbers that are not 0 then stand out.
func Dot(n uint64, format func(uint64) string) string {
	if n == 0 {
		return "·"
	}
	return format(n)
}

// Duration writes d, which is not negative, with about three digits: "55 µs", "3.5 ms", "2.5 s", "15m25s", "3.0 days".
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Round(time.Microsecond).Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	case d < time.Minute:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d < 48*time.Hour:
		written := d.Round(time.Second).String()
		if strings.HasSuffix(written, "m0s") {
			return strings.TrimSuffix(written, "0s")
		}
		return written
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// Microseconds writes a duration of us microseconds as Duration does. One longer than a time.Duration can hold is cut to that
// length, 292 years.
func Microseconds(us float64) string {
	const longest = float64(math.MaxInt64 / int64(time.Microsecond))
	if us >= longest {
		return Duration(math.MaxInt64)
	}
	return Duration(time.Duration(us * float64(time.Microsecond)))
}
