// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ids of stacks are in months of rows: they never change, and no two lists of frames run into one.
func TestStackIDsStay(t *testing.T) {
	frames := []Frame{{Module: "kernel", BuildID: "ab", Offset: 0x1000}, {Module: "kernel", BuildID: "ab", Offset: 0x2000}}
	require.Equal(t, "e534fa53a924570c", fmt.Sprintf("%016x", StackID(frames)))
	require.NotZero(t, StackID(nil))
	for name, other := range map[string][]Frame{
		"the other way round": {frames[1], frames[0]},
		"one frame":           frames[:1],
		"another build":       {{BuildID: "ac", Offset: 0x1000}, frames[1]},
		"a longer build id":   {{BuildID: "ab\x00", Offset: 0x1000}, frames[1]},
	} {
		require.NotEqual(t, StackID(frames), StackID(other), name)
	}
	renamed := []Frame{{Module: "vmlinux", BuildID: "ab", Offset: 0x1000}, frames[1]}
	require.Equal(t, StackID(frames), StackID(renamed), "the module's name is no part of it")
}

func TestStateNames(t *testing.T) {
	for state, want := range map[State]string{0: "", StateEstablished: "ESTABLISHED", StateNewSynRecv: "NEW_SYN_RECV", StateClosing: "CLOSING", 99: "99"} {
		require.Equal(t, want, state.String())
	}
}

func TestErrnoNames(t *testing.T) {
	for errno, want := range map[int32]string{0: "", 104: "ECONNRESET", 110: "ETIMEDOUT", -5: "-5", 99_999: "99999"} {
		require.Equal(t, want, ErrnoName(errno))
	}
}

// What an ingester needs years later is kept for ever, and no topic is compacted.
func TestTopicsAreKept(t *testing.T) {
	retention := map[string]string{TopicEvents: "604800000", TopicMeta: "2592000000", TopicSymbols: "-1", TopicBuilds: "-1"}
	for _, topic := range Topics() {
		require.Equal(t, retention[topic.Name], topic.Configs["retention.ms"], topic.Name)
		require.Equal(t, "delete", topic.Configs["cleanup.policy"], topic.Name)
		require.Equal(t, "LogAppendTime", topic.Configs["message.timestamp.type"], topic.Name)
		delete(retention, topic.Name)
	}
	require.Empty(t, retention)
}

func TestTimesAndCounts(t *testing.T) {
	h := Header{Clock: Clock{Offset: 1_000}}
	require.Equal(t, int64(1_005), h.Wall(5))
	require.Equal(t, uint64(3), Loss{SeqFrom: 9, SeqTo: 11}.Lost())
	e := NewBatchEncoder()
	require.Zero(t, e.Size())
	e.AddLoss(&Loss{})
	require.Positive(t, e.Size())
	require.Equal(t, 1, e.Records())
}

// Numbers that do not fit their field are malformed, not cut.
func TestNumbersThatDoNotFit(t *testing.T) {
	var e Event
	w := newWriter()
	var last int64
	for name, write := range map[string]func(){
		"a negative u32":  func() { last = -1; w.i64(&last) },
		"a u32 of 5 byte": func() { w.uint(1 << 32) },
		"a text":          func() { w.str("x") },
		"a boolean":       func() { w.note(w.enc.EncodeBool(true)) },
	} {
		w.reset()
		write()
		r := newReader()
		r.reset(w.buf.Bytes())
		r.visit(1, e.visit)
		require.ErrorIs(t, r.err, ErrMalformed, name)
	}
	for name, c := range map[string]struct {
		write func()
		read  func(r *reader)
	}{
		"an error of 33 bits":   {func() { last = 1 << 31; w.i64(&last) }, func(r *reader) { var v int32; r.i32(&v) }},
		"an address of 5 bytes": {func() { w.bin([]byte{1, 2, 3, 4, 5}) }, func(r *reader) { r.addr(&e.LocalIP) }},
		"an address of 17":      {func() { w.bin(make([]byte, 17)) }, func(r *reader) { r.addr(&e.LocalIP) }},
		"a u64 as signed":       {func() { w.uint(1 << 63) }, func(r *reader) { var v int64; r.i64(&v) }},
	} {
		w.reset()
		c.write()
		r := newReader()
		r.reset(w.buf.Bytes())
		r.left = 1
		c.read(r)
		require.ErrorIs(t, r.err, ErrMalformed, name)
	}
}
