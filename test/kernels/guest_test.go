// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFollow(t *testing.T) {
	for console, want := range map[string]struct {
		begun  bool
		status string
	}{
		"SeaBIOS\r\n\x1b[2JGUEST BEGINS 6.1.0\r\nVERDICT\r\nGUEST ENDS 1\r\n": {true, "1"},
		"GUEST BEGINS 6.1.0\npanic":     {true, ""},
		"SeaBIOS\ndouble fault\nreboot": {false, ""},
	} {
		var lines []string
		begun, status := follow(strings.NewReader(console), func(l string) { lines = append(lines, l) })
		require.Equal(t, want.begun, begun, console)
		require.Equal(t, want.status, status, console)
		require.NotContains(t, strings.Join(lines, ""), "\r")
		require.NotEmpty(t, lines)
	}
}

func TestWhatAGuestDiedOf(t *testing.T) {
	u := &Unpacked{Release: "7.2"}
	const oops = "[  118.4] Oops: int3: 0000 [#1] SMP NOPTI\n[  118.4] RIP: 0010:ip_local_deliver+0x57/0x130\n[  118.4] Code: c8 00 85 c0 75 2c 48 8b 43 10 "
	gone, there, other := []byte(oops+"66 <90> 48 8b\n"), []byte(oops+"cc <90> 48 8b\n"), []byte("[  118.4] BUG: kernel NULL pointer dereference\n")
	for name, guest := range map[string]struct {
		begun  bool
		status string
		kernel []byte
		want   error
	}{
		"a breakpoint that is gone":  {true, "", gone, ErrPatched},
		"a breakpoint that is there": {true, "", there, nil},
		"the kernel's own fault":     {true, "", other, nil},
		"before its tests":           {false, "", nil, ErrNotBegun},
		"a test":                     {true, "1", gone, nil},
	} {
		err := u.ended(t.Context(), guest.begun, guest.status, guest.kernel, nil)
		require.Error(t, err, name)
		require.Equal(t, guest.want != nil, errors.Is(err, ErrNotBegun) || errors.Is(err, ErrPatched), name)
		if guest.want != nil {
			require.ErrorIs(t, err, guest.want, name)
		}
	}
	require.NoError(t, u.ended(t.Context(), true, "0", nil, nil))
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	needs := parseDependencies("kernel/net/nft-x.ko.xz: kernel/net/nf_tables.ko.xz kernel/lib/crc.ko\nkernel/net/nf_tables.ko.xz: kernel/lib/crc.ko\nkernel/lib/crc.ko:\n")
	order := visit("kernel/net/nft-x.ko.xz", needs, map[string]bool{}, nil)
	require.Equal(t, []string{"kernel/lib/crc.ko", "kernel/net/nf_tables.ko.xz", "kernel/net/nft-x.ko.xz"}, order)
	require.Equal(t, "nft_x", moduleName(order[2]))
}

func TestNewerByNumbers(t *testing.T) {
	require.True(t, newer("linux-image-6.1.0-50-cloud-amd64", "linux-image-6.1.0-9-cloud-amd64"))
	require.False(t, newer("linux-image-6.12.9+deb13-cloud-amd64", "linux-image-6.12.107+deb13-cloud-amd64"))
}

func TestNamesAreExact(t *testing.T) {
	require.Equal(t, []string{"6.1"}, names(chosen("6.1")))
	require.Equal(t, []string{"5.10", "6.12"}, names(chosen("6.12,5.10")))
	require.Equal(t, names(Kernels()), names(chosen("all")))
	require.Empty(t, chosen("6"))
}

func names(kernels []Kernel) []string {
	var out []string
	for _, k := range kernels {
		out = append(out, k.Name)
	}
	return out
}
