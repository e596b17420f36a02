// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/endings"
	"tcpledger/test/lab"
)

// row is what the table holds of one connection, as far as a test can know the truth of it.
type row struct {
	expect   endings.Expect
	ownerHow string
	text     string
}

const rowQuery = `SELECT toUInt32(netns), role, local_ip, local_port, remote_ip, remote_port, cause, initiator, reset, error,
	bytes_sent, bytes_received, bytes_unread, owner_pid, owner_comm, owner_how, last_state, stack_id, flavour,
	bitTest(evidence, 16) AND duration_us IS NULL AND connect_us IS NULL
	FROM tcpledger.connections WHERE host = 'e2e' AND netns_cookie IN (?) ORDER BY closed_at`

func (c *chain) rows(namespaces []uint64) []row {
	c.t.Helper()
	found, err := c.db.Query(context.Background(), rowQuery, namespaces)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, found.Close()) }()
	var out []row
	for found.Next() {
		var r row
		var role, cause, initiator, reset, lastState, flavour string
		var local, remote net.IP
		var localPort, remotePort uint16
		var stack uint64
		e := &r.expect
		require.NoError(c.t, found.Scan(&e.NetNS, &role, &local, &localPort, &remote, &remotePort, &cause, &initiator, &reset, &e.Error,
			&e.Sent, &e.Received, &e.Unread, &e.OwnerPID, &e.OwnerComm, &r.ownerHow, &lastState, &stack, &flavour,
			&e.Restored))
		e.Role = map[string]schema.Role{"client": schema.RoleClient, "server": schema.RoleServer}[role]
		e.Flavour = map[string]schema.Flavour{"tcp": schema.FlavourTCP, "mptcp_subflow": schema.FlavourMPTCPSubflow}[flavour]
		e.Local, e.Remote = address(local, localPort), address(remote, remotePort)
		e.Cause, e.Initiator, e.Reset = schema.Cause(cause), schema.Initiator(initiator), schema.Reset(reset)
		r.text = fmt.Sprintf("%+v how=%s last=%s stack=%x", *e, r.ownerHow, lastState, stack)
		out = append(out, r)
	}
	require.NoError(c.t, found.Err())
	return out
}

func address(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// made is a scenario that ran: its truth and the namespaces that it ran in.
type made struct {
	scenario   endings.Scenario
	want       []endings.Expect
	namespaces []uint64
}

// ran runs the scenario in a lab that lives as long as keeper: no other scenario gets its namespaces' numbers.
func ran(t, keeper testing.TB, s endings.Scenario) made {
	world := lab.New(keeper)
	return made{s, s.Run(t, world), []uint64{world.A.Cookie(t), world.B.Cookie(t)}}
}

// TestEveryEnding makes every ending of the suite on real sockets and compares every row with the truth. Every number that
// the checkpoints promise is in a table once, so no loss range is made up.
func TestEveryEnding(t *testing.T) {
	for name, kafka := range kafkas() {
		t.Run(name, func(t *testing.T) {
			c := newChain(t, kafka(t))
			c.startAgent(roomy...)
			trace := lab.StartTrace(t)
			var all []made
			for _, s := range endings.Scenarios() {
				t.Run("make "+s.Name, func(sub *testing.T) {
					m := ran(sub, t, s)
					if s.Held {
						c.of(sub).prove(t, trace, m)
						return
					}
					all = append(all, m)
				})
			}
			for _, m := range all {
				t.Run("rows of "+m.scenario.Name, func(sub *testing.T) { c.of(sub).prove(t, trace, m) })
			}
			c.agent.stop()
			c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
			c.requireComplete()
			c.requireFilled(schema.Connections())
			c.requireFilled(schema.Events())
			c.requireEventsLikeTheirConnections()
			c.requireDecidedAgain()
			c.requireViewsAnswer()
			c.ingester.stop()
			require.Zero(t, c.count("SELECT count() FROM tcpledger.dead_letters"))
		})
	}
}

// prove compares the rows of the scenario with its truth. It makes the scenario again, in a lab of keeper's, as long as rows are
// wrong and the kernel ran no program for one of its events.
func (c *chain) prove(keeper testing.TB, trace *lab.Trace, m made) {
	c.t.Helper()
	for !c.right(m) && c.hidden(trace, m) {
		m = ran(c.t, keeper, m.scenario)
	}
	c.eventually(uint64(len(m.want)), ofNamespaces, m.namespaces)
	compare(c.t, m.want, c.rows(m.namespaces))
}

const ofNamespaces = "SELECT count() FROM tcpledger.connections WHERE host = 'e2e' AND netns_cookie IN (?)"

// right waits for the rows of the scenario and returns whether they are as its truth says.
func (c *chain) right(m made) bool {
	c.t.Helper()
	c.awaited(uint64(len(m.want)), ofNamespaces, m.namespaces)
	q := &quiet{TB: c.t}
	compare(q, m.want, c.rows(m.namespaces))
	return !q.failed
}

// quiet keeps a failed assertion to itself.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Errorf(string, ...any) { q.failed = true }

// hidden logs the scenario's events for which the kernel ran no program, and returns whether there are any.
func (c *chain) hidden(trace *lab.Trace, m made) bool {
	found := false
	for _, e := range m.want {
		for _, line := range trace.Unseen(c.t, e.Local, e.Remote) {
			c.t.Log("the kernel ran no program:", line)
			found = true
		}
	}
	return found
}

// compare wants exactly these rows: none missing, none more, every field right.
func compare(t testing.TB, want []endings.Expect, got []row) {
	for _, w := range want {
		i := slices.IndexFunc(got, func(r row) bool {
			return r.expect.NetNS == w.NetNS && r.expect.Role == w.Role && r.expect.Local == w.Local && r.expect.Remote == w.Remote
		})
		if !assert.GreaterOrEqual(t, i, 0, "no row for %+v among:\n%s", w, list(got)) {
			continue
		}
		g := got[i]
		got = slices.Delete(got, i, i+1)
		hows := w.OwnerHow
		assert.True(t, slices.ContainsFunc(hows, func(h schema.OwnerHow) bool { return h.String() == g.ownerHow }), "owner_how %s: want one of %v", g.ownerHow, hows)
		w.OwnerHow = nil
		if w.MayBeUnknown && g.expect.Cause == schema.CauseUnknown {
			w.Cause = schema.CauseUnknown
		}
		w.MayBeUnknown = false
		if w.AnyBytes {
			w.AnyBytes, w.Sent, w.Received, w.Unread = false, g.expect.Sent, g.expect.Received, g.expect.Unread
		}
		if w.OwnerPID == 0 {
			w.OwnerComm = g.expect.OwnerComm // a hint at most
		}
		assert.Equal(t, w, g.expect, g.text)
	}
	assert.Empty(t, got, "rows nobody expects:\n%s", list(got))
}

func list(rows []row) string {
	text := ""
	for _, r := range rows {
		text += r.text + "\n"
	}
	return text
}
