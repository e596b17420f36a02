// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// sample is a well-formed record of a kind with a recognizable number.
func sample(kind Kind, size int) []byte {
	raw := make([]byte, size)
	binary.LittleEndian.PutUint16(raw, uint16(size))
	raw[2] = byte(kind)
	binary.LittleEndian.PutUint64(raw[8:], 42)
	return raw
}

func samples() map[Kind][]byte {
	all := map[Kind][]byte{
		KindConnection: sample(KindConnection, int(unsafe.Sizeof(Connection{}))),
		KindStack:      sample(KindStack, int(unsafe.Sizeof(Stack{}))),
	}
	for kind := range Kind(64) {
		if eventKinds>>kind&1 == 0 {
			continue
		}
		all[kind] = sample(kind, int(unsafe.Sizeof(Event{})))
	}
	return all
}

func TestDecode(t *testing.T) {
	var record Record
	for kind, raw := range samples() {
		require.NoError(t, Decode(raw, &record))
		require.Equal(t, kind, record.Kind)
		require.EqualValues(t, 42, record.Head().Seq)
		clear(raw)
		require.EqualValues(t, 42, record.Head().Seq, "a record keeps no reference to its bytes")
	}
}

func TestDecodeRefuses(t *testing.T) {
	tooDeep := sample(KindStack, int(unsafe.Sizeof(Stack{})))
	binary.LittleEndian.PutUint32(tooDeep[unsafe.Offsetof(Stack{}.Depth):], MaxFrames+1)
	event := sample(KindDrop, int(unsafe.Sizeof(Event{})))
	for name, raw := range map[string][]byte{
		"empty":           {},
		"half a head":     make([]byte, 31),
		"unknown kind":    sample(99, 312),
		"agent's kind":    sample(KindLingering, int(unsafe.Sizeof(Event{}))),
		"wrong size":      sample(KindConnection, 216),
		"cut short":       event[:len(event)-1],
		"stack too deep":  tooDeep,
		"kind number 0":   sample(0, 216),
		"a stack's event": sample(KindStack, 216),
	} {
		var record Record
		require.ErrorIs(t, Decode(raw, &record), ErrMalformed, name)
	}
}

// FuzzDecode: whatever the bytes, no panic, and what passes is what it says.
func FuzzDecode(f *testing.F) {
	for _, raw := range samples() {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var record Record
		if err := Decode(raw, &record); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.Equal(t, record.Kind, record.Head().Kind)
		require.LessOrEqual(t, int(record.Head().Size), len(raw))
		require.LessOrEqual(t, int(record.Stack.Depth), MaxFrames)
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := sample(KindConnection, int(unsafe.Sizeof(Connection{})))
	var record Record
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(raw, &record); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	raw := sample(KindDrop, int(unsafe.Sizeof(Event{})))
	var record Record
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := Decode(raw, &record); err != nil {
			t.Fatal(err)
		}
	}))
}
