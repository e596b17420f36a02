// SPDX-License-Identifier: Apache-2.0

// Package clock reads the kernel's clock, CLOCK_BOOTTIME, and measures how far wall clock is ahead of it.
package clock

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// tries is how often Measure measures. It keeps the tightest measurement, so that one interruption does not matter.
const tries = 3

// Now is CLOCK_BOOTTIME in nanoseconds: the clock of every record.
func Now() (uint64, error) { return read(unix.CLOCK_BOOTTIME) }

// unset is how far a clock may be off that nothing sets, as the kernel says it: 16 s, the largest maxerror that it has.
const unset = uint64(16e9)

// Measure gives the offset of wall clock from CLOCK_BOOTTIME. It reads CLOCK_REALTIME between two readings of CLOCK_BOOTTIME;
// the offset is right within half the time between those two, and within what the kernel says of the wall clock itself.
func Measure() (schema.Clock, error) {
	c, err := measure(read)
	c.Error += wallError(unix.Adjtimex)
	return c, err
}

// wallError is how far the wall clock may be off, in nanoseconds: the kernel's maxerror, which whoever sets the clock keeps small. It
// is unset if adjtimex is not allowed, too.
func wallError(adjtimex func(*unix.Timex) (int, error)) uint64 {
	var t unix.Timex // without modes it only reads
	if _, err := adjtimex(&t); err != nil || t.Maxerror < 0 {
		return unset
	}
	return min(uint64(t.Maxerror)*1000, unset)
}

func measure(read func(clock int32) (uint64, error)) (schema.Clock, error) {
	var best schema.Clock
	for try := range tries {
		before, err := read(unix.CLOCK_BOOTTIME)
		if err != nil {
			return schema.Clock{}, err
		}
		wall, err := read(unix.CLOCK_REALTIME)
		if err != nil {
			return schema.Clock{}, err
		}
		after, err := read(unix.CLOCK_BOOTTIME)
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

func read(clock int32) (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read clock %d: %w", clock, err)
	}
	return uint64(ts.Nano()), nil
}
