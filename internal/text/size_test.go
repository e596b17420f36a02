// SPDX-License-Identifier: Apache-2.0

package text

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var _ pflag.Value = (*Size)(nil)

func TestSize(t *testing.T) {
	for written, want := range map[string]int64{"0": 0, "1000": 1000, "16MiB": 16 << 20, "16 MiB": 16 << 20, "2GiB": 2 << 30, "3TiB": 3 << 40} {
		var s Size
		require.NoError(t, s.Set(written), written)
		require.Equal(t, want, int64(s), written)
		var again Size
		require.NoError(t, again.Set(s.String()))
		require.Equal(t, s, again, "String writes what Set reads, exactly")
	}
	for size, want := range map[Size]string{0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 1025: "1025", 8 << 20: "8MiB", 3 << 29: "1536MiB", 5 << 40: "5TiB"} {
		require.Equal(t, want, size.String())
	}
	for _, bad := range []string{"", "-1", "MiB", "16Mib2", "16 miles", "0x10", "1e3", "9EiB", "99999999999999999999", "NaN",
		"1.5MiB", "16MB", "64kB", "16M", "16m", "16mib", "16 ", " 16", "1,000", "1 KiB MiB", "99999999999GiB", "8388608TiB"} {
		s := Size(7)
		require.Error(t, s.Set(bad), bad)
		require.Equal(t, Size(7), s, "a bad value changes nothing")
	}
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"16MiB", "1.5 GB", "-3", "18446744073709551615", "1..2kB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, written string) {
		var s, again Size
		if s.Set(written) != nil {
			return
		}
		if s < 0 {
			t.Fatalf("%q is %d", written, s)
		}
		if err := again.Set(s.String()); err != nil || again != s {
			t.Fatalf("%q is %s, which is read as %s: %v", written, &s, &again, err)
		}
	})
}
