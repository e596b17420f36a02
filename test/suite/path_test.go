// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// losers are those who lose packets on the way from host A to host B, and whether the ledger can know.
var losers = map[string]struct {
	seen bool
	lose func(t testing.TB, l *lab.Routed, port uint16) (stop func())
}{
	"a router of this machine": {true, func(t testing.TB, l *lab.Routed, port uint16) func() {
		return l.Router.Drop(t, "forward", fmt.Sprintf("tcp dport %d", port))
	}},
	"something that leaves no drop": {false, func(t testing.TB, l *lab.Routed, _ uint16) func() {
		return l.Router.Steal(t, "a")
	}},
}

// TestOnlyADropExplains: what a router in another namespace dropped explains what its sender sends again. What was lost without a drop
// is explained by nothing.
func TestOnlyADropExplains(t *testing.T) {
	w := watching(t, "--budget", "drop=0", "--budget", "retransmit=0")
	type ran struct {
		name   string
		seen   bool
		source netip.AddrPort
		a      namespace
		others []namespace
	}
	var all []ran
	for name, loser := range losers {
		for _, of := range []func(*lab.Host) netip.Addr{v4, v6} {
			l := lab.NewRouted(t)
			f := newFlow(t, &l.Lab, of)
			stop := loser.lose(t, l, f.server.Local.Port())
			f.write(5)
			atLeast(t, l.A, "TcpExtTCPTimeouts", 1)
			stop()
			f.end(500)
			all = append(all, ran{name, loser.seen, f.client.Local, namespaceOf(t, l.A), []namespace{namespaceOf(t, l.Router), namespaceOf(t, l.B)}})
		}
	}
	w.stop()
	for _, r := range all {
		again, explained := w.happened(schema.KindRetransmit, r.a), 0
		drops := w.happened(schema.KindDrop, append(r.others, r.a)...)
		require.NotEmpty(t, again, r.name)
		for _, e := range again {
			if slices.ContainsFunc(drops, func(d *schema.Event) bool { return explains(d, e) }) {
				explained++
			}
		}
		fmt.Printf("PATH\t%s\t%s\tsent again %d\texplained %d\n", r.name, r.source, len(again), explained)
		if r.seen {
			require.Positive(t, explained, r.name)
		} else {
			require.Zero(t, explained, r.name)
		}
	}
}
