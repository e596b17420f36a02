// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// The wall time of a boot time lies between two readings of CLOCK_REALTIME around it, within the error that Measure names.
func TestMeasureTurnsBootTimeIntoWallTime(t *testing.T) {
	c, err := Measure()
	require.NoError(t, err)
	require.Positive(t, c.Error)
	before, err := read(unix.CLOCK_REALTIME)
	require.NoError(t, err)
	boot, err := Now()
	require.NoError(t, err)
	after, err := read(unix.CLOCK_REALTIME)
	require.NoError(t, err)
	wall := (&schema.Header{Clock: c}).Wall(boot)
	const step = int64(1e6) // a clock that is being set right moves by less in the time of this test
	require.GreaterOrEqual(t, wall, int64(before)-int64(c.Error)-step)
	require.LessOrEqual(t, wall, int64(after)+int64(c.Error)+step)
}

// script is a clock whose readings are given: boot, wall, boot, three times.
func script(readings ...uint64) func(int32) (uint64, error) {
	return func(int32) (uint64, error) {
		n := readings[0]
		readings = readings[1:]
		return n, nil
	}
}

// An interruption between the readings widens the error; the tightest of the three measurements is the one that counts.
func TestMeasureKeepsTheTightest(t *testing.T) {
	const ahead = 1_700_000_000_000_000_000
	for name, readings := range map[string][]uint64{
		"first":  {1000, ahead + 1010, 1020, 2000, ahead + 2000, 9000, 9000, ahead + 9000, 20000},
		"second": {0, ahead, 5e9, 6e9, ahead + 6e9 + 10, 6e9 + 20, 7e9, ahead + 7e9, 8e9},
		"third":  {0, ahead, 5e9, 6e9, ahead + 6e9, 7e9, 8e9, ahead + 8e9 + 10, 8e9 + 20},
	} {
		c, err := measure(script(readings...))
		require.NoError(t, err)
		require.Equal(t, schema.Clock{Offset: ahead, Error: 11}, c, name)
	}
}

// However the readings fall, the true offset lies within Error of Offset.
func TestTheErrorCoversTheOffset(t *testing.T) {
	const ahead = int64(5_000_000)
	for wall := uint64(100); wall <= 1100; wall += 50 {
		r := []uint64{100, wall + uint64(ahead), 1100}
		c, err := measure(script(append(append(append([]uint64{}, r...), r...), r...)...))
		require.NoError(t, err)
		require.LessOrEqual(t, max(c.Offset-ahead, ahead-c.Offset), int64(c.Error))
	}
}

// What the kernel says of the wall clock is part of the error.
func TestTheErrorCoversTheWallClock(t *testing.T) {
	says := func(maxerror int64, err error) uint64 {
		return wallError(func(t *unix.Timex) (int, error) { t.Maxerror = maxerror; return 0, err })
	}
	require.Equal(t, uint64(2_500_000), says(2500, nil))
	require.Equal(t, unset, says(17_000_000, nil))
	require.Equal(t, unset, says(2500, unix.EPERM))
	c, err := Measure()
	require.NoError(t, err)
	require.GreaterOrEqual(t, c.Error+1_000_000, wallError(unix.Adjtimex), "it grows by 500 ppm")
}

func TestAClockThatFailsIsAnError(t *testing.T) {
	broken := errors.New("no clock")
	for fails := range 3 {
		n := -1
		_, err := measure(func(int32) (uint64, error) {
			if n++; n == fails {
				return 0, broken
			}
			return 1, nil
		})
		require.ErrorIs(t, err, broken)
	}
}
