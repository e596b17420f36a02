// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func sampleMeta() *Meta {
	return &Meta{Host: "web-1", BootID: "b", Session: 1, Run: 2, At: -3, KernelRelease: "6.12.0",
		Agent:  HostFacts{AgentVersion: "v1", Machine: "x86_64", CPUs: 2, Symbols: 1, Kinds: []string{"connection"}, Missing: []string{"inet_sk_error_report: no such tracepoint"}},
		Stacks: []Stack{{ID: 9, Frames: []Frame{{Module: "kernel", BuildID: "ab", Offset: 77}, {Offset: 0xffffffff81000000}}}}}
}

func sampleSymbols(n int) []Symbol {
	var out []Symbol
	for i := range n {
		out = append(out, Symbol{Offset: uint64(i) * 16, Name: fmt.Sprintf("some_kernel_function_number_%d", i)})
	}
	return out
}

// golden is the message that the first version of a format wrote.
func golden(t *testing.T, name string, message []byte) []byte {
	text := stored(t, filepath.Join("testdata", name), hex.EncodeToString(message)+"\n")
	b, err := hex.DecodeString(strings.TrimSpace(text))
	require.NoError(t, err)
	return b
}

func TestGoldenMeta(t *testing.T) {
	message, err := EncodeMeta(sampleMeta())
	require.NoError(t, err)
	for _, m := range [][]byte{message, golden(t, "meta.v1.hex", message)} {
		got, err := DecodeMeta(m)
		require.NoError(t, err)
		require.Equal(t, sampleMeta(), got)
	}
}

// A message of a host that has a machine id.
func TestGoldenMetaWithMachine(t *testing.T) {
	want := sampleMeta()
	want.Agent.MachineID = "5c2b3a0e-9d1f-4d51-8a36-0f6f8a0d2b11"
	message, err := EncodeMeta(want)
	require.NoError(t, err)
	got, err := DecodeMeta(golden(t, "meta.machine.v1.hex", message))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestGoldenBuild(t *testing.T) {
	want := &Build{BuildID: "ab", Module: "kernel", Pieces: 8, Symbols: 150_000}
	message, err := EncodeBuild(want)
	require.NoError(t, err)
	got, err := DecodeBuild(golden(t, "build.v1.hex", message))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestGoldenSymbols(t *testing.T) {
	messages, err := EncodeSymbols("ab", "kernel", sampleSymbols(3))
	require.NoError(t, err)
	got, err := DecodeSymbols(golden(t, "symbols.v1.hex", messages[0]))
	require.NoError(t, err)
	require.Equal(t, &SymbolPiece{BuildID: "ab", Module: "kernel", Pieces: 1, Symbols: sampleSymbols(3)}, got)
}

// A piece that carries its table's hash, and one that an agent sent before there was one.
func TestGoldenSymbolsWithHash(t *testing.T) {
	messages, err := EncodeSymbols("ab", "kernel", sampleSymbols(3))
	require.NoError(t, err)
	got, err := DecodeSymbols(golden(t, "symbols.hash.v1.hex", messages[0]))
	require.NoError(t, err)
	require.NotZero(t, got.Hash)
	require.Equal(t, &SymbolPiece{BuildID: "ab", Module: "kernel", Pieces: 1, Symbols: sampleSymbols(3), Hash: got.Hash}, got)
	today, err := DecodeSymbols(messages[0])
	require.NoError(t, err)
	require.Equal(t, got.Hash, today.Hash, "tables are compared by it for years")
}

func TestSymbolsAreCutIntoPieces(t *testing.T) {
	want := sampleSymbols(60_000)
	messages, err := EncodeSymbols("ab", "kernel", want)
	require.NoError(t, err)
	require.Greater(t, len(messages), 3)
	var got []Symbol
	for i, m := range messages {
		require.Less(t, len(m), PieceBytes+1024)
		p, err := DecodeSymbols(m)
		require.NoError(t, err)
		require.Equal(t, uint32(i), p.Piece)
		require.Equal(t, uint32(len(messages)), p.Pieces)
		got = append(got, p.Symbols...)
	}
	require.Equal(t, want, got)
	empty, err := EncodeSymbols("ab", "kernel", nil)
	require.NoError(t, err)
	require.Len(t, empty, 1, "an empty table is complete too")
}

func TestMetaGrows(t *testing.T) {
	message, err := EncodeMeta(sampleMeta())
	require.NoError(t, err)
	var generic []any
	require.NoError(t, msgpack.Unmarshal(message, &generic))
	facts := generic[7].([]any)
	generic[7] = append(facts, "new")
	stack := generic[8].([]any)[0].([]any)
	frame := stack[2].([]any)[0].([]any)
	stack[2].([]any)[0] = append(frame, "line 7")
	generic[8].([]any)[0] = append(stack, 1.5)
	grown, err := msgpack.Marshal(append(generic, "new"))
	require.NoError(t, err)
	got, err := DecodeMeta(grown)
	require.NoError(t, err)
	require.Equal(t, sampleMeta(), got)
}

func TestMalformedMeta(t *testing.T) {
	for _, bad := range [][]byte{nil, {0xc0}, {0xdd, 4, 0, 0, 0}, {0x96, 1, 0xa0, 0xa0, 0, 0, 0x90}} {
		_, err := DecodeMeta(bad)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = DecodeSymbols(bad)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = DecodeBuild(bad)
		require.ErrorIs(t, err, ErrMalformed)
	}
}

// The build id stands in the row of each symbol: what it may take is bounded, or a small message would fill the memory.
func TestLongBuildIDIsMalformed(t *testing.T) {
	for length, ok := range map[int]bool{maxBuildID: true, maxBuildID + 1: false} {
		messages, err := EncodeSymbols(strings.Repeat("b", length), "kernel", sampleSymbols(3))
		require.NoError(t, err)
		_, err = DecodeSymbols(messages[0])
		require.Equal(t, ok, err == nil, length)
	}
}

// A message ends where its array ends: what follows, or half a symbol, is not silently left out.
func TestBytesAfterTheMessageAreMalformed(t *testing.T) {
	meta, err := EncodeMeta(sampleMeta())
	require.NoError(t, err)
	_, err = DecodeMeta(append(meta, 1))
	require.ErrorIs(t, err, ErrMalformed)
	build, err := EncodeBuild(&Build{BuildID: "ab"})
	require.NoError(t, err)
	_, err = DecodeBuild(append(build, 1))
	require.ErrorIs(t, err, ErrMalformed)
	for _, bad := range [][]byte{{0x96, 1, 0xa1, 'b', 0xa1, 'm', 0, 1, 0x92, 5, 0xa1, 'f', 0}, {0x96, 1, 0xa1, 'b', 0xa1, 'm', 0, 1, 0x93, 5, 0xa1, 'f', 0}} {
		_, err = DecodeSymbols(bad)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = DecodeSymbols(append(bad[:8:8], 0x92, 5, 0xa1, 'f'))
		require.NoError(t, err)
	}
}

func FuzzMeta(f *testing.F) {
	message, err := EncodeMeta(sampleMeta())
	require.NoError(f, err)
	f.Add(message)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := DecodeMeta(b); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
		}
	})
}

func FuzzSymbols(f *testing.F) {
	messages, err := EncodeSymbols("ab", "kernel", sampleSymbols(3))
	require.NoError(f, err)
	f.Add(messages[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := DecodeSymbols(b); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
		}
	})
}

func FuzzBuild(f *testing.F) {
	message, err := EncodeBuild(&Build{BuildID: "ab", Module: "kernel", Pieces: 8, Symbols: 150_000})
	require.NoError(f, err)
	f.Add(message)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := DecodeBuild(b); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
		}
	})
}
