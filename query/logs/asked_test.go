// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tuple is known in the spellings of the tools that print one.
func TestParseEnds(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:40000":                                    "10.0.0.1:40000 invalid AddrPort",
		"[::1]:80":                                          "[::1]:80 invalid AddrPort",
		"::ffff:10.0.0.1.80":                                "10.0.0.1:80 invalid AddrPort",
		"10.0.0.1:40000 -> 10.0.0.5:5432":                   "10.0.0.1:40000 10.0.0.5:5432",
		"10.0.0.1:40000→10.0.0.5:5432":                      "10.0.0.1:40000 10.0.0.5:5432",
		"10.0.0.1:40000-10.0.0.5:5432":                      "10.0.0.1:40000 10.0.0.5:5432",
		"(10.0.0.1:40000, 10.0.0.5:5432)":                   "10.0.0.1:40000 10.0.0.5:5432",
		"IP 10.0.0.1.40000 > 10.0.0.5.5432:":                "10.0.0.1:40000 10.0.0.5:5432",
		"IP6 fd00::1.443 > fd00::9.50000:":                  "[fd00::1]:443 [fd00::9]:50000",
		"ESTAB 0      0      10.0.0.1:40000 10.0.0.5:5432":  "10.0.0.1:40000 10.0.0.5:5432",
		"10.0.0.1 40000 10.0.0.5 5432":                      "10.0.0.1:40000 10.0.0.5:5432",
		"[fe80::1%eth0]:22 [fe80::2%eth0]:50000":            "[fe80::1]:22 [fe80::2]:50000",
		"tcp from 10.0.0.1:40000 to 10.0.0.5:5432":          "10.0.0.1:40000 10.0.0.5:5432",
		"tcp 6 src=10.0.0.1 dst=10.0.0.5 sport=1 dport=2 x": "10.0.0.1:1 10.0.0.5:2",
	} {
		got := Parse(text)
		require.Equal(t, AboutEnds, got.About, text)
		require.Equal(t, want, got.A.String()+" "+got.B.String(), text)
	}
}

func TestParseTheRest(t *testing.T) {
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", Parse("0AF7651916CD43DD8448EB211C80319C").Trace)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", Parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").Trace)
	for _, text := range []string{"", "order-1234", "10.0.0.1", "read tcp 10.0.0.1:40000->10.0.0.5:5432: read: connection reset by peer",
		"10.0.0.1:99999", "10.0.0.1:0", "1.2.3.4:1 2.3.4.5:2 3.4.5.6:3", "2026-11-02 14:01:00", "14:01:00.123", "src=a dst=b sport=1 dport=2"} {
		require.Equal(t, AboutText, Parse(text).About, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10.0.0.1:1 [::1]:2")
	f.Add("src=10.0.0.1 dst=10.0.0.5 sport=1 dport=2")
	f.Fuzz(func(t *testing.T, text string) {
		asked := Parse(text)
		require.Equal(t, strings.TrimSpace(text), asked.Text)
		require.Equal(t, asked.About == AboutEnds, asked.A.IsValid())
		require.Equal(t, asked.About == AboutTrace, asked.Trace != "")
	})
}
