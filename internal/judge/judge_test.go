// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"tcpledger/schema"
)

const boot = "6f1c9a3e-0000-4000-8000-000000000001"

// noon is the broker's time of all messages here; boot was an hour before.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const hour = uint64(time.Hour)

func header() *schema.Header {
	return &schema.Header{Host: "web-1", BootID: boot, Session: 3, Run: 4, Clock: schema.Clock{Offset: noon.UnixNano() - int64(hour)}}
}

func connection(stream uint32, seq, at uint64) *schema.Connection {
	return &schema.Connection{Identity: schema.Identity{Stream: stream, Seq: seq, At: at}}
}

func finish(t testing.TB, e *schema.BatchEncoder, h *schema.Header) *Message {
	t.Helper()
	value, _, err := e.Finish(h)
	require.NoError(t, err)
	return &Message{Topic: schema.TopicEvents, Key: []byte(h.Host), Value: value, Time: noon}
}

// tampered changes the elements of a message's array.
func tampered(t testing.TB, m *Message, change func(fields []any)) *Message {
	t.Helper()
	var fields []any
	require.NoError(t, msgpack.Unmarshal(m.Value, &fields))
	change(fields)
	value, err := msgpack.Marshal(fields)
	require.NoError(t, err)
	return &Message{Topic: m.Topic, Key: m.Key, Value: value, Time: m.Time}
}

// The elements of a message's array that tests change.
const (
	fieldHost   = 1
	fieldBoot   = 2
	fieldRanges = 7
	fieldRows   = 8
)

// three is a message with the numbers 10 to 12 of stream 5.
func three(t testing.TB) *Message {
	e := schema.NewBatchEncoder()
	e.AddConnection(connection(5, 10, hour))
	e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 5, Seq: 11, At: hour}})
	e.AddConnection(connection(5, 12, hour))
	return finish(t, e, header())
}

func TestHonestMessageIsStoredWhole(t *testing.T) {
	var r Reject
	b := New().Events(three(t), &r)
	require.False(t, r.Any(), r.String())
	require.Len(t, b.Connections, 2)
	require.Len(t, b.Events, 1)
}

// What a message may claim and is not believed: nothing of it is stored.
func TestClaims(t *testing.T) {
	all := []schema.Range{{Stream: 5, From: 10, To: 12}}
	for name, c := range map[string]struct {
		message *Message
		kind    Kind
		ranges  []schema.Range
	}{
		"another's key":  {&Message{Topic: schema.TopicEvents, Key: []byte("db-1"), Value: three(t).Value, Time: noon}, Key, nil},
		"no key":         {&Message{Topic: schema.TopicEvents, Value: three(t).Value, Time: noon}, Key, nil},
		"another's host": {tampered(t, three(t), func(f []any) { f[fieldHost] = "db-1" }), Key, nil},
		"no boot id":     {tampered(t, three(t), func(f []any) { f[fieldBoot] = "x" }), BootID, all},
		"a row that no range counts": {tampered(t, three(t), func(f []any) { f[fieldRanges] = []any{[]any{5, 10, 11}} }), Ranges,
			[]schema.Range{{Stream: 5, From: 10, To: 11}}},
		"a number without a row": {tampered(t, three(t), func(f []any) { f[fieldRanges] = []any{[]any{5, 10, 13}} }), Ranges,
			[]schema.Range{{Stream: 5, From: 10, To: 13}}},
		"a range of everything": {tampered(t, three(t), func(f []any) { f[fieldRanges] = []any{[]any{5, 0, uint64(1) << 62}} }), Ranges, nil},
		"ranges that overlap": {tampered(t, three(t), func(f []any) { f[fieldRanges] = []any{[]any{5, 10, 12}, []any{5, 12, 12}} }), Ranges,
			[]schema.Range{{Stream: 5, From: 10, To: 12}, {Stream: 5, From: 12, To: 12}}},
		"a row twice": {tampered(t, three(t), func(f []any) { f[fieldRows] = append(f[fieldRows].([]any), f[fieldRows].([]any)[0]) }), Ranges, all},
		"cut short":   {&Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Value: three(t).Value[:200], Time: noon}, Malformed, all},
	} {
		var r Reject
		b := New().Events(c.message, &r)
		require.Equal(t, []Kind{c.kind}, r.Kinds(), "%s: %s", name, r.String())
		require.Equal(t, c.ranges, r.Ranges, name)
		require.Zero(t, len(b.Connections)+len(b.Events)+len(b.Checkpoints)+len(b.Losses), name)
	}
}

// A row of a moment that cannot be is not stored, and its number is countable; the other rows are stored.
func TestMoments(t *testing.T) {
	for name, c := range map[string]struct {
		at, offset int64
		ok         bool
	}{
		"now":                      {0, noon.UnixNano(), true},
		"almost a day ahead":       {0, noon.Add(24*time.Hour - time.Second).UnixNano(), true},
		"more than a day ahead":    {0, noon.Add(24*time.Hour + time.Second).UnixNano(), false},
		"399 days ago":             {0, noon.Add(-399 * 24 * time.Hour).UnixNano(), true},
		"401 days ago":             {0, noon.Add(-401 * 24 * time.Hour).UnixNano(), false},
		"before 1970":              {0, -1, false},
		"past what 63 bits hold":   {math.MaxInt64, 1, false},
		"wrapped into the present": {-1, noon.UnixNano(), false},
	} {
		h := header()
		h.Clock.Offset = c.offset
		at, e := uint64(c.at), schema.NewBatchEncoder()
		e.AddConnection(connection(7, 8, at))
		e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 7, Seq: 9, At: at}})
		e.AddLoss(&schema.Loss{At: at, Stream: 9, SeqFrom: 1, SeqTo: 5})
		e.AddCheckpoint(&schema.Checkpoint{At: at})
		var r Reject
		b := New().Events(finish(t, e, h), &r)
		rows := len(b.Connections) + len(b.Events) + len(b.Losses) + len(b.Checkpoints)
		if c.ok {
			require.False(t, r.Any(), "%s: %s", name, r.String())
			require.Equal(t, 4, rows, name)
			continue
		}
		require.Equal(t, []Kind{Time}, r.Kinds(), "%s: %s", name, r.String())
		require.Zero(t, rows, name)
		require.Equal(t, []schema.Range{{Stream: 7, From: 8, To: 9}, {Stream: 9, From: 1, To: 5}}, r.Ranges, name)
	}
}

func TestDaysOfAMessageAreBounded(t *testing.T) {
	e := schema.NewBatchEncoder()
	h := header()
	h.Clock.Offset = noon.Add(-300 * 24 * time.Hour).UnixNano()
	for day := range uint64(200) {
		e.AddConnection(connection(1, day, day*24*hour))
	}
	var r Reject
	b := New().Events(finish(t, e, h), &r)
	require.Len(t, b.Connections, maxDays)
	require.Equal(t, []Kind{Time}, r.Kinds())
	require.Equal(t, []schema.Range{{Stream: 1, From: maxDays, To: 199}}, r.Ranges)
}

// A number that no stream can have counted since boot is not believed, of a row, a checkpoint or a loss; that of a loss is not
// even countable: it would hide what is missing.
func TestNumbersThatCannotBe(t *testing.T) {
	e := schema.NewBatchEncoder()
	e.AddConnection(connection(1, 1<<62, hour))
	e.AddConnection(connection(1, 7, hour))
	e.AddLoss(&schema.Loss{At: hour, Stream: 2, SeqFrom: 0, SeqTo: 1 << 62})
	e.AddLoss(&schema.Loss{At: hour, Stream: 2, SeqFrom: 0, SeqTo: 1 << 30})
	e.AddLoss(&schema.Loss{At: hour, Stream: 2, SeqFrom: 5, SeqTo: 4})
	e.AddCheckpoint(&schema.Checkpoint{At: hour, Streams: []uint32{1}, Next: []uint64{1 << 62}})
	e.AddCheckpoint(&schema.Checkpoint{At: hour, Streams: []uint32{1, 2}, Next: []uint64{1}})
	e.AddCheckpoint(&schema.Checkpoint{At: hour, Streams: []uint32{1}, Next: []uint64{8}})
	var r Reject
	b := New().Events(finish(t, e, header()), &r)
	require.Equal(t, []Kind{Number, Checkpoint, Malformed}, r.Kinds(), r.String())
	require.Equal(t, []schema.Range{{Stream: 1, From: 1 << 62, To: 1 << 62}}, r.Ranges)
	require.Len(t, b.Connections, 1)
	require.Len(t, b.Checkpoints, 1)
	require.Equal(t, []schema.Loss{{At: hour, Stream: 2, SeqFrom: 0, SeqTo: 1 << 30}}, b.Losses)
}

// A newer agent's message: what is known is stored. A kind that is not numbered may begin with anything.
func TestUnknownKinds(t *testing.T) {
	m := tampered(t, three(t), func(f []any) {
		f[fieldRanges] = append(f[fieldRanges].([]any), []any{3, 15, 15})
		f[fieldRows] = append(f[fieldRows].([]any), []any{200, 3, 15, 1, "numbered"}, []any{201, 3, 21, "not numbered"}, []any{202, "text"})
	})
	var r Reject
	b := New().Events(m, &r)
	require.Equal(t, "unknown_kind: kind_200 (and 2 more)", r.String())
	require.Equal(t, []schema.Range{{Stream: 3, From: 15, To: 15}}, r.Ranges)
	require.Len(t, b.Connections, 2)
}

// The quick comparison of rows and ranges and the one that sorts say the same.
func TestQuickComparisonAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	same := 0
	for range 5_000 {
		var b schema.Batch
		for range 1 + random.IntN(3) {
			from := random.Uint64N(4)
			b.Ranges = append(b.Ranges, schema.Range{Stream: random.Uint32N(3), From: from, To: from + random.Uint64N(3)})
		}
		for _, r := range b.Ranges {
			for seq := r.From; seq <= r.To; seq++ {
				id := schema.Identity{Stream: r.Stream, Seq: seq}
				if random.IntN(12) == 0 {
					id.Seq += random.Uint64N(3)
				}
				if random.IntN(2) == 0 {
					b.Connections = append(b.Connections, schema.Connection{Identity: id})
				} else {
					b.Events = append(b.Events, schema.Event{Identity: id})
				}
			}
		}
		j := New()
		quick, slow := j.agrees(&b), j.sorted(&b) == ""
		require.Equal(t, slow, quick, "%v", b)
		if quick {
			same++
		}
	}
	require.Greater(t, same, 500)
	require.Less(t, same, 4_500)
}

func TestTheJudgeGoesOnAfterAReject(t *testing.T) {
	j, good := New(), three(t)
	for range 2 {
		require.True(t, j.Reject(&Message{Topic: schema.TopicEvents, Key: good.Key, Value: good.Value[:30], Time: noon}).Any())
		require.False(t, j.Reject(good).Any())
	}
}

func meta(t testing.TB, m *schema.Meta) *Message {
	t.Helper()
	value, err := schema.EncodeMeta(m)
	require.NoError(t, err)
	return &Message{Topic: schema.TopicMeta, Key: []byte("web-1"), Value: value, Time: noon}
}

func stack(frames ...schema.Frame) schema.Stack {
	return schema.Stack{ID: schema.StackID(frames), Frames: frames}
}

func TestMeta(t *testing.T) {
	honest, forged := stack(schema.Frame{Module: "kernel", BuildID: "b", Offset: 1}), stack(schema.Frame{Module: "kernel", BuildID: "b", Offset: 2})
	forged.ID = honest.ID
	facts := schema.HostFacts{AgentVersion: "v"}
	var r Reject
	m := New().Meta(meta(t, &schema.Meta{Host: "web-1", BootID: boot, At: noon.UnixNano(), Agent: facts, Stacks: []schema.Stack{forged, honest}}), &r)
	require.Equal(t, []Kind{StackID}, r.Kinds())
	require.Equal(t, []schema.Stack{honest}, m.Stacks)
	require.Equal(t, "v", m.Agent.AgentVersion)

	for kind, bad := range map[Kind]*schema.Meta{Key: {Host: "db-1", BootID: boot}, BootID: {Host: "web-1", BootID: "x"}} {
		r = Reject{}
		require.Nil(t, New().Meta(meta(t, bad), &r))
		require.Equal(t, []Kind{kind}, r.Kinds())
	}
	r = Reject{}
	m = New().Meta(meta(t, &schema.Meta{Host: "web-1", BootID: boot, At: -1, Agent: facts, Stacks: []schema.Stack{honest}}), &r)
	require.Equal(t, []Kind{Time}, r.Kinds())
	require.Empty(t, m.Agent.AgentVersion)
	require.Len(t, m.Stacks, 1)

	for id, good := range map[string]bool{"": true, boot: true, "x": false, strings.Repeat("9", 1000): false} {
		r = Reject{}
		m = New().Meta(meta(t, &schema.Meta{Host: "web-1", BootID: boot, At: noon.UnixNano(), Agent: schema.HostFacts{AgentVersion: "v", MachineID: id}}), &r)
		require.Equal(t, "v", m.Agent.AgentVersion, "the host has its row all the same")
		if good {
			require.Empty(t, r.Kinds())
			require.Equal(t, id, m.Agent.MachineID)
		} else {
			require.Equal(t, []Kind{Malformed}, r.Kinds())
			require.Empty(t, m.Agent.MachineID)
		}
	}
}

func TestFramesOfAMessageAreBounded(t *testing.T) {
	frames := make([]schema.Frame, schema.MaxFrames)
	var stacks []schema.Stack
	for i := range maxFrames/schema.MaxFrames + 1 {
		frames[0].Offset = uint64(i)
		stacks = append(stacks, stack(append([]schema.Frame(nil), frames...)...))
	}
	var r Reject
	m := New().Meta(meta(t, &schema.Meta{Host: "web-1", BootID: boot, Stacks: stacks}), &r)
	require.Equal(t, []Kind{Malformed}, r.Kinds())
	require.Len(t, m.Stacks, maxFrames/schema.MaxFrames)
}

func TestSymbolsAndBuilds(t *testing.T) {
	pieces, err := schema.EncodeSymbols("build", "kernel", []schema.Symbol{{Offset: 1, Name: "f"}})
	require.NoError(t, err)
	long, err := schema.EncodeSymbols("build", "kernel", []schema.Symbol{{Offset: 1, Name: string(make([]byte, maxName+1))}})
	require.NoError(t, err)
	build, err := schema.EncodeBuild(&schema.Build{BuildID: "build"})
	require.NoError(t, err)
	for _, c := range []struct {
		topic, key string
		value      []byte
		want       []Kind
	}{
		{schema.TopicSymbols, "build", pieces[0], []Kind{}},
		{schema.TopicSymbols, "other", pieces[0], []Kind{Key}},
		{schema.TopicSymbols, "build", long[0], []Kind{Symbols}},
		{schema.TopicSymbols, "build", build, []Kind{Malformed}},
		{schema.TopicBuilds, "build", build, []Kind{}},
		{schema.TopicBuilds, "other", build, []Kind{Key}},
		{"another", "", nil, []Kind{Topic}},
	} {
		require.Equal(t, c.want, New().Reject(&Message{Topic: c.topic, Key: []byte(c.key), Value: c.value, Time: noon}).Kinds(), "%s %s", c.topic, c.key)
	}
}

// The header of a message of which only the beginning is there gives its numbers, if they can be believed.
func TestHeaderOfABeginning(t *testing.T) {
	m := three(t)
	m.Value = m.Value[:len(m.Value)/2]
	require.Equal(t, []schema.Range{{Stream: 5, From: 10, To: 12}}, New().Header(m).Ranges)
	m.Key = []byte("db-1")
	require.Empty(t, New().Header(m).Ranges)
	huge := tampered(t, three(t), func(f []any) { f[fieldRanges] = []any{[]any{5, 0, uint64(1) << 40}} })
	huge.Value = huge.Value[:len(huge.Value)/2]
	require.Empty(t, New().Header(huge).Ranges)
}
