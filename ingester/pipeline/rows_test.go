// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"tcpledger/internal/kafka/fetch/fetchtest"
	"tcpledger/schema"
)

// Every column of a row, as a person reads it back.
func TestRowsAreExact(t *testing.T) {
	r := newRig(t)
	r.start("g")
	e := schema.NewBatchEncoder()
	e.AddConnection(sampleConnection(5, 41, 9))
	e.AddEvent(sampleEvent(schema.KindDrop, 5, 42, 9.5))
	e.AddLoss(&schema.Loss{At: 10_000_000_000, Stream: 5, SeqFrom: 43, SeqTo: 45, Cause: schema.LossRingFull})
	e.AddCheckpoint(&schema.Checkpoint{At: 11_000_000_000, Phase: schema.CheckpointPeriodic, Streams: []uint32{5}, Next: []uint64{46},
		Names: []string{"own_connection"}, Totals: []uint64{2}})
	r.send(schema.TopicEvents, 0, finish(t, e, sampleHeader(1)))
	r.eventually(1, "SELECT count() FROM %s.loss FINAL") // the last table of a flush

	for table, want := range map[string]string{
		"connections": `{"closed_at":"2026-03-04 12:00:09.000000","duration_us":1500,"connect_us":null,"opened_at":"2026-03-04 12:00:08.998500",` +
			`"host":"web-1","boot_id":"6f1c9a3e-0000-4000-8000-000000000001","session":1,"stream":5,"seq":41,"cpu":1,"conn":42,"cookie":9,` +
			`"netns":4026531840,"netns_cookie":1,"flavour":"tcp","local_ip":"::ffff:10.0.0.1","local_port":43210,"remote_ip":"2001:db8::2","remote_port":443,` +
			`"service_port":443,"role":"client","nat_local_ip":"::ffff:192.0.2.1","nat_local_port":1024,"nat_remote_ip":"2001:db8::1","nat_remote_port":443,"cause":"peer_reset","initiator":"peer","error":"ECONNRESET","errno":104,"reset":"received",` +
			`"reset_reason":"TCP_STATE","reset_reason_raw":14,"last_state":"ESTABLISHED","bytes_sent":90,"bytes_received":50,"bytes_unsent":10,` +
			`"bytes_unacked":5,"bytes_unread":11,"segs_in":4,"segs_out":5,"retransmits":1,"dsack_dups":2,"srtt_us":250,"last_rx_age_ms":null,"last_tx_age_ms":null,` +
			`"owner_pid":12,"owner_comm":"curl","owner_uid":1000,"owner_how":"connect","owner_start":"2026-03-04 12:00:01.000000",` +
			`"owner_exe":"\/usr\/bin\/curl","cgroup_id":3,"cgroup_how":"v2","container_id":"abc","k8s_namespace":"shop","k8s_pod":"api-7","k8s_pod_uid":"1-2","service":"web.service",` +
			`"ctx_pid":0,"ctx_comm":"swapper\/1","ctx_kind":"idle",` +
			`"opener_pid":11,"opener_comm":"bash","opener_exe":"\/bin\/bash","opener_how":"connect","stack_id":9223372036854775808,"user_stack_id":0,"weight":1,"clock_error_us":2,"clock_off":false,` +
			`"error_soft":"","error_reported":"","shutdown":0,"evidence":320,"first_fin":"none","first_fin_evidence":0,"timer_retries":0,` +
			`"probes_out":0,"send_window":0,"rules":1}`,
		"events": `{"at":"2026-03-04 12:00:09.500000","kind":"drop","host":"web-1","boot_id":"6f1c9a3e-0000-4000-8000-000000000001","session":1,` +
			`"stream":5,"seq":42,"cpu":1,"conn":0,"cookie":0,"netns":0,"netns_cookie":0,"local_ip":"::ffff:10.0.0.1","local_port":8080,` +
			`"remote_ip":"::ffff:10.0.0.2","remote_port":55555,"service_port":8080,"role":"server","owner_pid":0,"owner_comm":"","owner_uid":0,` +
			`"owner_how":"unknown","owner_start":null,"owner_exe":"","cgroup_id":0,"cgroup_how":"unknown","container_id":"","k8s_namespace":"",` +
			`"k8s_pod":"","k8s_pod_uid":"","service":"","ctx_pid":0,"ctx_comm":"","ctx_kind":"unknown","direction":"in","state":"SYN_RECV","old_state":"",` +
			`"new_state":"","reason":"NO_SOCKET","reason_raw":3,"error":"","errno":0,"tcp_flags":18,"length":1448,"packet_seq":4000000000,"packet_ack":7,"state_us":null,"stack_id":0,"weight":3,` +
			`"turned_away":0,"aborted":0,"syn_cookies":false,"queued":0,"backlog":0,"half_open":0,"half_open_expired":0,"half_open_reset":0,"cookies_sent":null,"clock_error_us":2,"clock_off":false}`,
		"loss": `{"at":"2026-03-04 12:00:10.000000","host":"web-1","boot_id":"6f1c9a3e-0000-4000-8000-000000000001","session":1,"stream":5,` +
			`"seq_from":43,"seq_to":45,"lost":3,"cause":"ring_full"}`,
		"checkpoints": `{"at":"2026-03-04 12:00:11.000000","host":"web-1","boot_id":"6f1c9a3e-0000-4000-8000-000000000001","session":1,"run":7,` +
			`"phase":"periodic","streams":[5],"next_seqs":[46],"totals":{"own_connection":2},"clock_offset_ns":1772625600000000000,"clock_error_us":2}`,
	} {
		var row string
		require.NoError(t, r.db.QueryRow(t.Context(), "SELECT formatRowNoNewline('JSONEachRow', * EXCEPT received_at) FROM "+r.db.Name+"."+table+
			" FINAL SETTINGS asterisk_include_alias_columns = 1, output_format_json_quote_64bit_integers = 0").Scan(&row))
		require.JSONEq(t, want, row, table)
	}
	require.Zero(t, r.number("SELECT count() FROM %s.dead_letters"))
}

// What cannot be read goes to dead letters with its bytes, reason and numbers; the rest is stored, before and after it.
func TestGarbageStopsNothing(t *testing.T) {
	r := newRig(t)
	r.start("g")
	good := sampleBatch(t, 1, 5, 0, 3)
	outside := schema.NewBatchEncoder()
	outside.AddConnection(sampleConnection(9, 1, 1))
	outside.AddConnection(sampleConnection(9, 2, 3e9)) // 95 years later
	outside.AddCheckpoint(&schema.Checkpoint{At: 1, Streams: []uint32{1, 2}, Next: []uint64{1}})
	noBoot := schema.NewBatchEncoder()
	noBoot.AddConnection(sampleConnection(10, 4, 1))
	noBoot.AddConnection(sampleConnection(10, 5, 1))
	header := sampleHeader(3)
	header.BootID = "not a boot"

	r.send(schema.TopicEvents, 0, good, []byte("garbage"), good[:len(good)-2], nil, finish(t, outside, sampleHeader(2)), finish(t, noBoot, header),
		withUnknownRow(t), sampleBatch(t, 1, 5, 6, 3))
	r.send(schema.TopicMeta, 0, []byte{0xdd, 4, 0, 0, 0})
	r.send(schema.TopicSymbols, 0, []byte{0xc1})
	r.eventually(8, "SELECT count() FROM %s.dead_letters FINAL")
	r.eventually(8, "SELECT count() FROM %s.connections FINAL") // 3 + 3, one inside the times, one beside the unknown row

	for where, reason := range map[string]string{
		"topic LIKE '%%events%%' AND offset = 1 AND message = 'garbage' AND key = 'web-1'": "malformed: ",
		"offset = 2":                 "malformed: ",
		"offset = 3":                 "malformed: ",
		"offset = 4":                 "time: ",
		"offset = 5":                 "boot_id: ",
		"offset = 6":                 "unknown_kind: kind_200",
		"topic LIKE '%%.meta.%%'":    "malformed: ",
		"topic LIKE '%%.symbols.%%'": "malformed: ",
	} {
		require.Equal(t, uint64(1), r.number("SELECT count() FROM %s.dead_letters FINAL WHERE startsWith(reason, '"+reason+"') AND "+where), where)
	}
	require.Equal(t, uint64(1), r.number("SELECT count() FROM %s.dead_letters FINAL WHERE endsWith(reason, 'checkpoint: 2 streams with 1 numbers, 0 names with 0 totals')"))
	// The numbers of what was kept from the tables: countable.
	require.Equal(t, uint64(6), r.number("SELECT toUInt64(sum(seqs_to[1] - seqs_from[1] + 1)) FROM %s.dead_letters FINAL WHERE offset = 2"))
	require.Equal(t, uint64(1), r.number("SELECT count() FROM %s.dead_letters FINAL WHERE offset = 4 AND streams = [9] AND seqs_from = [2] AND seqs_to = [2]"))
	require.Equal(t, uint64(1), r.number("SELECT count() FROM %s.dead_letters FINAL WHERE offset = 5 AND streams = [10] AND seqs_from = [4] AND seqs_to = [5] AND boot_id = 'not a boot'"))
	require.Equal(t, uint64(1), r.number("SELECT count() FROM %s.dead_letters FINAL WHERE offset = 6 AND streams = [3] AND seqs_from = [99] AND seqs_to = [99] AND host = 'web-1'"))
}

// A row is found by its time in each table, as late as a row may be.
func TestRowsAreFoundByTheirTime(t *testing.T) {
	r := newRig(t)
	r.start("g")
	late := time.Since(sampleDay).Seconds() + 23*3600
	e := schema.NewBatchEncoder()
	for i, at := range []float64{1, late, late + 7200} {
		e.AddConnection(sampleConnection(1, uint64(2*i), at))
		e.AddEvent(sampleEvent(schema.KindDrop, 1, uint64(2*i+1), at))
		e.AddCheckpoint(&schema.Checkpoint{At: uint64(at * 1e9)})
		e.AddLoss(&schema.Loss{At: uint64(at * 1e9), Stream: 2, SeqFrom: uint64(i), SeqTo: uint64(i)})
	}
	r.send(schema.TopicEvents, 0, finish(t, e, sampleHeader(1)))
	r.eventually(1, "SELECT count() FROM %s.dead_letters FINAL WHERE reason LIKE 'time: %%(and 3 more)'")
	for table, at := range map[string]string{"connections": "closed_at", "events": "at", "checkpoints": "at", "loss": "at"} {
		r.eventually(2, "SELECT count() FROM %s."+table+" FINAL")
		require.Equal(t, uint64(1), r.number("SELECT count() FROM %s."+table+" FINAL WHERE "+at+" >= now()"), table)
		require.Equal(t, uint64(1), r.number("SELECT count() FROM %s."+table+" FINAL WHERE "+at+" < now()"), table)
	}
}

// A message of hundreds of days costs no more inserts than an honest one, and delays nobody's rows.
func TestMessageOfManyDays(t *testing.T) {
	r := newRig(t)
	run := r.start("g")
	e := schema.NewBatchEncoder()
	for day := range uint64(250) {
		e.AddConnection(sampleConnection(1, day, float64(day)*86_400+1))
	}
	r.send(schema.TopicEvents, 0, finish(t, e, sampleHeader(1)), sampleBatch(t, 2, 1, 0, 10))
	r.eventually(13, "SELECT count() FROM %s.connections FINAL")
	r.eventually(1, "SELECT count() FROM %s.dead_letters FINAL WHERE reason LIKE 'time: %%(and 246 more)'")
	require.Less(t, run.total(t, "tcpledger_ingester_inserts_total"), 10.0)
}

// withUnknownRow is a newer agent's message: a known row, and one of a kind that this version does not know.
func withUnknownRow(t *testing.T) []byte {
	e := schema.NewBatchEncoder()
	e.AddConnection(sampleConnection(3, 98, 1))
	var generic []any
	require.NoError(t, msgpack.Unmarshal(finish(t, e, sampleHeader(4)), &generic))
	generic[7] = append(generic[7].([]any), []any{3, 99, 99})
	generic[8] = append(generic[8].([]any), []any{200, 3, 99, 1, "a kind of the future"})
	message, err := msgpack.Marshal(generic)
	require.NoError(t, err)
	return message
}

// A message that is too large to be read is a dead letter once, and its numbers are a loss: its header says them.
func TestTooLargeMessageIsALoss(t *testing.T) {
	r := newRig(t)
	r.start("g")
	var generic []any
	require.NoError(t, msgpack.Unmarshal(sampleBatch(t, 1, 5, 10, 3), &generic))
	generic = append(generic, strings.Repeat("x", 5<<20))
	large, err := msgpack.Marshal(generic)
	require.NoError(t, err)
	client := &kafka.Client{Addr: kafka.TCP(r.brokers...), Transport: r.writer.Transport}
	packed := fetchtest.Pack(t, fetchtest.Zstd, func(w io.Writer) { _, _ = w.Write(fetchtest.Record{Key: []byte("web-1"), Value: large}.Append(nil)) })
	fetchtest.Produce(t, client, schema.TopicEvents, 0, fetchtest.Batch(fetchtest.Zstd, 1, packed))
	r.send(schema.TopicEvents, 0, sampleBatch(t, 1, 5, 0, 3))
	r.eventually(3, "SELECT count() FROM %s.connections FINAL")
	r.eventually(1, "SELECT count() FROM %s.loss FINAL WHERE cause = 'unreadable' AND host = 'web-1' AND stream = 5 AND seq_from = 10 AND seq_to = 15")
	r.eventually(1, "SELECT count() FROM %s.dead_letters FINAL WHERE startsWith(reason, 'unreadable: offsets 0 to 0: ') AND host = 'web-1' AND key = 'web-1' AND empty(streams)")
}
