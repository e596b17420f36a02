// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Size is a flag's number of bytes: a whole number, alone or with KiB, MiB, GiB or TiB. A *Size is a pflag.Value.
type Size int64

// sizeForm is what Set reads. humanize alone would read "16m" and "16M" as 16,000,000 bytes, and cut "1.0001KiB" to 1024.
var sizeForm = regexp.MustCompile(`^[0-9]+( ?[KMGT]iB)?$`)

// sizeUnits are the units that String uses, the largest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String writes the exact size in the largest unit that divides it: "16MiB", "1000".
func (s *Size) String() string {
	for _, unit := range sizeUnits {
		if *s != 0 && int64(*s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(*s)/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set reads a size. It refuses one that is negative or larger than an int64.
func (s *Size) Set(written string) error {
	n, err := humanize.ParseBytes(written)
	if err != nil || n > math.MaxInt64 || !sizeForm.MatchString(written) {
		return fmt.Errorf("%q is no size: want a whole number, alone or with KiB, MiB, GiB or TiB", written)
	}
	*s = Size(n)
	return nil
}

// Type names the value in --help.
func (s *Size) Type() string { return "size" }
