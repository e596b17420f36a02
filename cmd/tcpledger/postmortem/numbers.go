// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// number writes thousands apart; nothing is a dot, so that what is there stands out.
func number(n uint64) string {
	if n == 0 {
		return "·"
	}
	return humanize.Comma(int64(min(n, math.MaxInt64)))
}

func size(n uint64) string {
	if n == 0 {
		return "·"
	}
	return humanize.IBytes(n)
}

// duration writes microseconds in the unit that reads best; nil is not known.
func duration(us *float64) string {
	switch {
	case us == nil:
		return "?"
	case *us < 1_000:
		return fmt.Sprintf("%.0f µs", *us)
	case *us < 1_000_000:
		return fmt.Sprintf("%.3g ms", *us/1_000)
	case *us < 60_000_000:
		return fmt.Sprintf("%.3g s", *us/1_000_000)
	}
	d := time.Duration(*us) * time.Microsecond
	if d < 48*time.Hour {
		return strings.TrimSuffix(d.Round(time.Second).String(), "m0s") + minuteSuffix(d)
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// minuteSuffix gives back the m that trimming "m0s" took.
func minuteSuffix(d time.Duration) string {
	if strings.HasSuffix(d.Round(time.Second).String(), "m0s") {
		return "m"
	}
	return ""
}

// showRemote writes a range of IPv4 as IPv4.
func showRemote(p netip.Prefix) string {
	const mapped = 96
	switch {
	case p.IsSingleIP():
		return p.Addr().Unmap().String()
	case p.Addr().Is4In6() && p.Bits() >= mapped:
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped).String()
	}
	return p.String()
}
