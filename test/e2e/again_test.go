// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// againQuery reads what docs/verdicts.md names as the evidence of a row.
const againQuery = `SELECT cause, initiator, reset, rules, last_state, error, error_reported, error_soft, reset_reason, shutdown, timer_retries, probes_out,
	send_window, local_port, segs_out, bytes_unsent, bytes_unacked, bytes_unread, owner_how, ctx_kind, first_fin, evidence, first_fin_evidence
	FROM tcpledger.connections`

// requireDecidedAgain decides every row again from its columns alone.
func (c *chain) requireDecidedAgain() {
	c.t.Helper()
	rows, err := c.db.Query(context.Background(), againQuery)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, rows.Close()) }()
	decided := 0
	for rows.Next() {
		var cause, initiator, reset, lastState, errno, told, soft, how, context, firstFin string
		var rules uint16
		var unsent, unacked, unread uint32
		e := &schema.Connection{}
		require.NoError(c.t, rows.Scan(&cause, &initiator, &reset, &rules, &lastState, &errno, &told, &soft, &e.ResetReason, &e.Shutdown, &e.TimerRetries,
			&e.ProbesOut, &e.SendWindow, &e.LocalPort, &e.SegsOut, &unsent, &unacked, &unread, &how, &context, &firstFin,
			(*uint32)(&e.Flags), (*uint32)(&e.FirstFinFlags)))
		e.LastState = named[schema.State](13, lastState)
		e.Error, e.ErrorReported, e.ErrorSoft = number(errno), number(told), number(soft)
		e.Owner.How, e.Context.Kind = named[schema.OwnerHow](8, how), named[schema.CtxKind](6, context)
		e.FirstFin = named[schema.Side](3, firstFin)
		e.WriteSeq, e.SndNxt, e.RcvNxt = unacked+unsent, unacked, unread
		if unread > 0 && e.Flags.Has(schema.FlagFinReceived) {
			e.RcvNxt++
		}
		require.Equal(c.t, schema.Verdict{Cause: schema.Cause(cause), Initiator: schema.Initiator(initiator), Reset: schema.Reset(reset)},
			schema.Decide(e), "%+v", e)
		require.EqualValues(c.t, schema.RulesVersion, rules)
		decided++
	}
	require.NoError(c.t, rows.Err())
	require.Positive(c.t, decided)
}

// named gives the value below n whose name is that.
func named[T interface {
	~uint8
	String() string
}](n T, name string) T {
	for v := range n {
		if v.String() == name {
			return v
		}
	}
	return n
}

// number gives the error of a name; 0 of none.
func number(name string) int32 {
	for e := unix.Errno(1); name != "" && e < 134; e++ {
		if unix.ErrnoName(e) == name {
			return int32(e)
		}
	}
	return 0
}
