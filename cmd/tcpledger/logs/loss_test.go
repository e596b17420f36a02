// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/query"
	lines "tcpledger/query/logs"
	"tcpledger/schema"
	"tcpledger/test/hostile"
	"tcpledger/test/tables"
)

// lossy is a connection that sent five packets again in the ten seconds of its life, and an older one of which no event is there.
const lossy = `INSERT INTO connections (closed_at, duration_us, host, boot_id, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, retransmits, owner_comm, received_at) VALUES
('2026-11-02 14:03:00', 10000000, 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 4, 4, '10.0.0.1', 40004, '10.0.0.5', 5432, 5432, 'client', 'local_close', 'local', 7, 'api', now64(6)),
('2026-11-02 14:03:00', 100000000000, 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 5, 5, '10.0.0.1', 40005, '10.0.0.5', 5432, 5432, 'client', 'local_close', 'local', 2, 'api', now64(6));
INSERT INTO events (at, kind, host, boot_id, session, stream, seq, conn, direction, local_ip, local_port, remote_ip, remote_port, reason, packet_seq, packet_ack, length, tcp_flags, stack_id, weight, received_at) VALUES
('2026-11-02 14:02:51', 'drop', 'db-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba1', 8, 4, 6, 0, 'in', '10.0.0.5', 5432, '10.0.0.1', 40004, 'NETFILTER_DROP', 1000, 1, 100, 24, 77, 1, now64(6)),
('2026-11-02 14:02:51.3', 'retransmit', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 6, 4, 'out', '10.0.0.1', 40004, '10.0.0.5', 5432, 'timeout', 1000, NULL, 100, 24, 0, 1, now64(6)),
('2026-11-02 14:02:52', 'drop', 'db-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba1', 8, 4, 7, 0, 'in', '10.0.0.5', 5432, '10.0.0.1', 40004, 'NETFILTER_DROP', 1100, 1, 100, 24, 77, 1, now64(6)),
('2026-11-02 14:02:52.3', 'retransmit', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 7, 4, 'out', '10.0.0.1', 40004, '10.0.0.5', 5432, 'fast_retransmit', 1100, NULL, 100, 24, 0, 1, now64(6)),
('2026-11-02 14:02:53', 'drop', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 8, 4, 'in', '10.0.0.1', 40004, '10.0.0.5', 5432, 'TCP_CSUM', 1, 1300, 0, 16, 0, 1, now64(6)),
('2026-11-02 14:02:53.3', 'retransmit', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 9, 4, 'out', '10.0.0.1', 40004, '10.0.0.5', 5432, 'timeout', 1200, NULL, 100, 24, 0, 1, now64(6)),
('2026-11-02 14:02:54', 'retransmit', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 10, 4, 'out', '10.0.0.1', 40004, '10.0.0.5', 5432, 'timeout', 1300, NULL, 100, 24, 0, 3, now64(6)),
('2026-11-02 14:02:55', 'retransmit', 'web-1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 7, 4, 11, 4, 'out', '10.0.0.1', 40004, '10.0.0.5', 5432, 'tail_loss_probe', 1400, NULL, 100, 24, 0, 1, now64(6));
INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, modules, received_at) VALUES (77, 1, 3, ['kfree_skb_reason+0x1', 'nf_hook_slow+0x12', 'nf_reject+0x9', 'ip_rcv+0x3'], ['kernel', 'kernel', 'kernel', 'kernel'], now64(6))`

func TestExplainSaysWhoLostThePackets(t *testing.T) {
	ch, db := prepare(t, false)
	tables.Exec(t, db, lossy)
	var first string
	for range 2 {
		code, out, errs := run(t, ch, append([]string{"explain", "10.0.0.1:40004", "--sql"}, tenMinutes...)...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "web-1 sent 5 packets again: 3 after a timeout, 1 as acknowledgements showed a loss, 1 as tail loss probes. "+
			"2 made up for drops on db-1 (NETFILTER_DROP, coming in, in nf_hook_slow < nf_reject < ip_rcv); for 2 no drop was seen; "+
			"for 1 the acknowledgement was dropped on web-1 (TCP_CSUM, coming in). A budget left out 2 more.\n")
		require.Contains(t, out, "-- what a connection sent again\n")
		require.True(t, first == "" || first == out, "the same rows give the same bytes")
		first = out
	}
	code, out, errs := run(t, ch, append([]string{"explain", "10.0.0.1:40005"}, tenMinutes...)...)
	require.Zero(t, code, errs)
	require.Contains(t, out, "Of the 2 retransmissions of web-1 no event is recorded in its last 10m.\n")

	code, out, errs = run(t, ch, append([]string{"explain", "10.0.0.1:40004", "--format", "json"}, tenMinutes...)...)
	require.Zero(t, code, errs)
	var told explained
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.Len(t, told.Threads[0].Resent.Row, 5)
	require.Empty(t, told.Threads[0].Resent.Other)
	tooMuch(t, db)
}

// tooMuch asks with bounds that the question does not keep: the rest of the story is told.
func tooMuch(t *testing.T, db *clickhouse.DB) {
	client := query.New(db, db.Name, time.Minute)
	source, err := lines.Open(t.Context(), client, lines.DefaultTables)
	require.NoError(t, err)
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	teller := &lines.Teller{Client: client.ReadingAtMost(24), Source: source, Reach: lines.DefaultReach, Budget: time.Minute, Around: time.Second}
	story, err := teller.Tell(t.Context(), "10.0.0.1:40004", query.Window{From: from, To: from.Add(10 * time.Minute)})
	require.NoError(t, err)
	require.Len(t, story.Threads, 1)
	require.Contains(t, story.Threads[0].Resent.Failed, "it takes more than 24 rows")
	var b strings.Builder
	(&tale{&b, time.UTC}).losses(&story.Threads[0])
	require.Contains(t, b.String(), "What was sent again is not told: ")
}

func TestHostileDrops(t *testing.T) {
	for _, name := range hostile.Names() {
		said := madeUp([]query.Makeup{{Why: name, Explained: name, Host: name, Reason: name, Direction: name, Symbols: []string{name}, StackID: 1, Packets: 2}, {Why: name, Explained: name, Packets: 1}})
		said += because([]query.Makeup{{Why: name, Packets: 1}})
		require.NotContains(t, said, "\n")
		require.NotContains(t, said, "\x1b")
	}
}

func TestEveryReasonOfARetransmissionIsSaid(t *testing.T) {
	for raw := range uint32(5 + 8<<8) {
		require.NotEmpty(t, whys[schema.WhyRetransmitted(raw)])
	}
}
