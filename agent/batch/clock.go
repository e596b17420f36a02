// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// clockTries is how often a measurement is taken: the tightest counts, so that being interrupted once does not matter.
const clockTries = 3

// MeasureClock reads how far wall clock is ahead of CLOCK_BOOTTIME: a reading of CLOCK_REALTIME between two of
// CLOCK_BOOTTIME, so the offset is right within half the time between those.
func MeasureClock() (schema.Clock, error) {
	var best schema.Clock
	for try := range clockTries {
		before, err := Boottime()
		if err != nil {
			return schema.Clock{}, err
		}
		wall, err := read(unix.CLOCK_REALTIME)
		if err != nil {
			return schema.Clock{}, err
		}
		after, err := Boottime()
		if err != nil {
			return schema.Clock{}, err
		}
		width := after - before
		if c := (schema.Clock{Offset: int64(wall) - int64(before+width/2), Error: width/2 + 1}); try == 0 || c.Error < best.Error {
			best = c
		}
	}
	return best, nil
}

// Boottime is CLOCK_BOOTTIME now, in nanoseconds: the clock of every record.
func Boottime() (uint64, error) { return read(unix.CLOCK_BOOTTIME) }

func read(clock int32) (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read clock %d: %w", clock, err)
	}
	return uint64(ts.Nano()), nil
}
