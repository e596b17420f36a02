// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
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

func TestShowRemote(t *testing.T) {
	for s, want := range map[string]string{"10.0.0.5": "10.0.0.5", "10.0.0.5/8": "10.0.0.0/8", "2001:db8::/32": "2001:db8::/32",
		"::/0": "::/0", "0.0.0.0/0": "0.0.0.0/0", "::1": "::1"} {
		p, err := ParseRemote(s)
		require.NoError(t, err)
		require.Equal(t, want, ShowRemote(p))
	}
}

func TestConditions(t *testing.T) {
	const window = "closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}"
	w := Window{From: time.Date(2026, 11, 2, 15, 0, 0, 1500, time.FixedZone("", 3600)), To: time.Unix(1, 0)}
	where := Filter{}.endings(w)
	require.Equal(t, window, where.String())
	require.Equal(t, map[string]string{"from": "2026-11-02 14:00:00.000001", "to": "1970-01-01 00:00:01.000000"}, where.parameters)

	remote, err := ParseRemote("10.0.0.5")
	require.NoError(t, err)
	f := Filter{Host: `a\b`, Cause: "peer_reset", Remote: remote, Kind: "drop"}
	where = f.endings(w)
	require.Equal(t, window+"\n  AND host = {host:String}\n  AND cause = {cause:String}\n  AND remote_ip = {remote:IPv6}", where.String())
	require.Equal(t, `a\\b`, where.parameters["host"])
	require.Equal(t, "0000:0000:0000:0000:0000:ffff:0a00:0005", where.parameters["remote"])
	require.Contains(t, f.events(w).String(), "kind = {kind:String}")
	require.NotContains(t, f.events(w).String(), "cause")
}

func TestGroup(t *testing.T) {
	g, err := group([]Dimension{Owner, Host}, EndingDimensions())
	require.NoError(t, err)
	require.Equal(t, grouping{"owner, host", "[toString(owner_comm), toString(host)]::Array(String)", "owner_comm, host", []string{"owner_comm", "host"}}, g)
	_, err = group([]Dimension{"1; DROP TABLE x"}, EndingDimensions())
	require.ErrorContains(t, err, `group by "1; DROP TABLE x": want cause, error, host`)
	_, err = group([]Dimension{Kind}, EndingDimensions())
	require.Error(t, err, "an ending has no kind")
	_, err = group(nil, EndingDimensions())
	require.Error(t, err)
}

func TestQuestionText(t *testing.T) {
	q := Question{Name: "one", SQL: "SELECT {b:String}, {a:String}", Parameters: map[string]string{"b": `it's`, "a": `\\`}}
	require.Equal(t, `-- one
SET param_a = '\\\\';
SET param_b = 'it\'s';
SELECT {b:String}, {a:String}
SETTINGS final = 1, do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final_exact_mode = 0, session_timezone = 'UTC';
`, q.Text())
}

// Every question sends these, whatever the profile of its user says.
func TestSettings(t *testing.T) {
	require.Equal(t, clickhouse.Settings{"final": 1, "do_not_merge_across_partitions_select_final": 1, "use_skip_indexes_if_final_exact_mode": 0,
		"session_timezone": "UTC", "readonly": 2}, settings())
}
