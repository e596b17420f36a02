// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/tables"
)

// What was sent again stands beside the drops of our hosts that explain it, and beside the endings that it belongs to.
func TestWhatWasSentAgainAndWhy(t *testing.T) {
	ch, db := tables.Start(t)
	tables.FillQuestions(t, db)
	window := []string{"--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05"}
	code, out, errs := run(t, ch, append(window, "--sql")...)
	require.Zero(t, code, errs)
	var ours []string
	for _, paragraph := range strings.Split(out, "\n\n") {
		for _, title := range []string{"BEFORE THE END", "SENT AGAIN", "DROPPED BY", "ENDINGS WITH LOSS"} {
			if strings.HasPrefix(paragraph, title) {
				ours = append(ours, paragraph)
			}
		}
	}
	golden(t, "losses.txt", strings.Join(ours, "\n\n")+"\n")

	code, out, errs = run(t, ch, append(window, "--format", "json", "--host", "db-2")...)
	require.Zero(t, code, errs)
	var told struct {
		SentAgain  []query.Resent          `json:"sent_again"`
		DroppedBy  []query.Dropper         `json:"dropped_by"`
		WithLosses []query.EndingsWithLoss `json:"endings_with_loss"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.Equal(t, []query.Resent{{Kind: "retransmit", Why: "timeout", Packets: 2, Records: 2, Elsewhere: 1, NoDrop: 1}}, told.SentAgain)
	require.Equal(t, []query.Dropper{{Host: "web-1", Reason: "NETFILTER_DROP", Direction: "in", Packets: 1, Connections: 1, Senders: 1}}, told.DroppedBy)
	require.Len(t, told.WithLosses, 1)
	require.Equal(t, uint64(1), told.WithLosses[0].Elsewhere)
}

func TestBecause(t *testing.T) {
	for want, p := range map[string]query.Resent{
		"timeout": {Kind: "retransmit", Why: "timeout"}, "synack_timeout": {Kind: "retransmit_synack"}, "(unknown)": {Kind: "retransmit"},
	} {
		require.Equal(t, want, because(&p))
	}
}
