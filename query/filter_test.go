// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseRemote(t *testing.T) {
	for s, want := range map[string]struct{ first, last string }{
		"10.0.0.5":            {"::ffff:10.0.0.5", "::ffff:10.0.0.5"},
		"::ffff:10.0.0.5":     {"::ffff:10.0.0.5", "::ffff:10.0.0.5"},
		"10.1.2.3/16":         {"::ffff:10.1.0.0", "::ffff:10.1.255.255"},
		"10.1.2.3/32":         {"::ffff:10.1.2.3", "::ffff:10.1.2.3"},
		"0.0.0.0/0":           {"::ffff:0.0.0.0", "::ffff:255.255.255.255"},
		"2001:db8::9":         {"2001:db8::9", "2001:db8::9"},
		"2001:db8:0:1::/63":   {"2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff"},
		"::/0":                {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"::ffff:10.1.0.0/112": {"::ffff:10.1.0.0", "::ffff:10.1.255.255"},
	} {
		p, err := ParseRemote(s)
		require.NoError(t, err, s)
		require.Equal(t, netip.MustParseAddr(want.first).Unmap(), p.Addr().Unmap(), s)
		require.Equal(t, netip.MustParseAddr(want.last).Unmap(), lastAddr(p).Unmap(), s)
		require.True(t, p.Addr().Is6(), s)
	}
	for _, s := range []string{"10.0.0", "10.0.0.0/33", "host", "fe80::1%eth0", "10.0.0.1:80", " 10.0.0.1", "/8"} {
		_, err := ParseRemote(s)
		require.ErrorContains(t, err, "neither an IP address nor a range", s)
	}
	p, err := ParseRemote("")
	require.NoError(t, err)
	require.False(t, p.IsValid())
}

func FuzzParseRemote(f *testing.F) {
	for _, s := range []string{"10.0.0.5", "10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4/100", "fe80::1%0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseRemote(s)
		if err != nil || s == "" {
			return
		}
		if last := lastAddr(p); !p.Addr().Is6() || !p.Contains(last) || (p.IsSingleIP() && last != p.Addr()) {
			t.Fatalf("%q is %v to %v", s, p, last)
		}
	})
}

func TestEndingsCondition(t *testing.T) {
	f := Filter{From: time.Date(2026, 11, 2, 15, 0, 0, 1500, time.FixedZone("", 3600)), To: time.Unix(1, 0)}
	where, parameters := f.endings()
	require.Equal(t, windowOfEndings, where)
	require.Equal(t, map[string]string{"from": "2026-11-02 14:00:00.000001", "to": "1970-01-01 00:00:01.000000"}, parameters)

	f.Remote, _ = ParseRemote("10.0.0.5")
	f.Host, f.Cause = `a\b`, "peer_reset"
	where, parameters = f.endings()
	require.Equal(t, windowOfEndings+"\n  AND host = {host:String}\n  AND cause = {cause:String}\n  AND remote_ip = {remote:IPv6}", where)
	require.Equal(t, `a\\b`, parameters["host"])
	require.Equal(t, "0000:0000:0000:0000:0000:ffff:0a00:0005", parameters["remote"])
}

func TestQueryText(t *testing.T) {
	q := Query{Name: "one", SQL: "SELECT {b:String}, {a:String}", Parameters: map[string]string{"b": `it's`, "a": `\\`}}
	require.Equal(t, `-- one
SET param_a = '\\\\';
SET param_b = 'it\'s';
SELECT {b:String}, {a:String}
SETTINGS do_not_merge_across_partitions_select_final = 1, final = 1, session_timezone = 'UTC', use_skip_indexes_if_final_exact_mode = 0;
`, q.Text())
}
