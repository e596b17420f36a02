// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"tcpledger/schema"
)

const kernelBuild = "0a0b0c0d"

func stackMessage(t *testing.T, stacks ...schema.Stack) []byte {
	t.Helper()
	m, err := schema.EncodeMeta(&schema.Meta{Host: "web-1", BootID: sampleBoot, Session: 1, Run: 7, At: sampleDay.UnixNano(), KernelRelease: "6.18.0", Stacks: stacks})
	require.NoError(t, err)
	return m
}

// kernelStack is a reset on the way in; the last frame is an entry frame.
func kernelStack(build string) schema.Stack {
	s := schema.Stack{Frames: []schema.Frame{{Module: "kernel", BuildID: build, Offset: 0x1010}, {Module: "kernel", BuildID: build, Offset: 0x2040},
		{Module: "kernel", BuildID: build, Offset: 0x3000}}}
	s.ID = schema.StackID(s.Frames)
	return s
}

// kernelSymbols is a table of so many names that it takes several pieces.
func kernelSymbols(t *testing.T, build, suffix string) [][]byte {
	t.Helper()
	symbols := []schema.Symbol{{Offset: 0x1000, Name: "tcp_reset" + suffix}, {Offset: 0x2000, Name: "tcp_validate_incoming"}, {Offset: 0x2f00, Name: "do_syscall_64"}}
	for i := range uint64(60_000) {
		symbols = append(symbols, schema.Symbol{Offset: 0x10000 + i*16, Name: fmt.Sprintf("a_function_of_the_kernel_%d", i)})
	}
	pieces, err := schema.EncodeSymbols(build, "kernel", symbols)
	require.NoError(t, err)
	require.Greater(t, len(pieces), 1)
	return pieces
}

// A table that comes after its stacks resolves them; half a table resolves nothing.
func TestLateSymbolsCompleteStacks(t *testing.T) {
	r := newRig(t)
	r.start("g")
	stack := kernelStack(kernelBuild)
	r.send(schema.TopicMeta, 2, stackMessage(t, stack))
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp = 0 AND frames_resolved = 0 AND symbols = ['0x1010', '0x2040', '0x3000'] AND kernel_release = '6.18.0'")
	pieces := kernelSymbols(t, kernelBuild, ".isra.0")
	r.send(schema.TopicSymbols, 0, pieces[1:]...)
	r.eventually(uint64(len(pieces)-1), "SELECT uniqExact(piece) FROM %s.symbols")
	require.Zero(t, r.number("SELECT count() FROM %s.stacks FINAL WHERE frames_resolved > 0"))
	r.send(schema.TopicSymbols, 0, pieces[0])
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0 AND frames_resolved = 3 AND symbols = ['tcp_reset.isra.0+0x10', 'tcp_validate_incoming+0x40', 'do_syscall_64+0x100']")

	// The same path on another build has the same fingerprint.
	r.send(schema.TopicSymbols, 0, kernelSymbols(t, "other", "")...)
	r.send(schema.TopicMeta, 1, stackMessage(t, kernelStack("other")))
	r.eventually(2, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0")
	require.Equal(t, uint64(1), r.number("SELECT uniqExact(fp) FROM %s.stacks FINAL"))
}

// Somebody sends names for a build whose table is there, as a table of their own or as pieces of the true one: stacks keep the
// names of the first table that is complete and fits its hash.
func TestForgedSymbolsChangeNothing(t *testing.T) {
	r := newRig(t)
	r.start("g")
	piece := func(change func(p *schema.SymbolPiece), symbols ...schema.Symbol) []byte {
		pieces, err := schema.EncodeSymbols(kernelBuild, "kernel", symbols)
		require.NoError(t, err)
		p, err := schema.DecodeSymbols(pieces[0])
		require.NoError(t, err)
		change(p)
		forged, err := msgpack.Marshal([]any{1, p.BuildID, p.Module, p.Piece, p.Pieces, flat(p.Symbols), p.Hash})
		require.NoError(t, err)
		return forged
	}
	true3 := []schema.Symbol{{Offset: 0x1000, Name: "tcp_reset"}, {Offset: 0x2000, Name: "tcp_validate_incoming"}, {Offset: 0x2f00, Name: "do_syscall_64"}}
	forged := schema.Symbol{Offset: 0x1008, Name: "innocent"}
	r.send(schema.TopicSymbols, 0, piece(func(p *schema.SymbolPiece) { p.Hash++ }, append(true3[:2:2], forged)...)) // complete first, and does not fit
	r.send(schema.TopicSymbols, 0, piece(func(*schema.SymbolPiece) {}, true3...))
	r.eventually(6, "SELECT count() FROM %s.symbols FINAL")
	r.send(schema.TopicSymbols, 0, piece(func(*schema.SymbolPiece) {}, append(true3[:3:3], forged)...), // fits, and is later
		piece(func(p *schema.SymbolPiece) { p.Hash = 0 }, forged))
	r.eventually(11, "SELECT count() FROM %s.symbols FINAL")
	r.send(schema.TopicMeta, 0, stackMessage(t, kernelStack(kernelBuild)))
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0 AND symbols = ['tcp_reset+0x10', 'tcp_validate_incoming+0x40', 'do_syscall_64+0x100']")
}

// flat lists symbols as a piece has them: distances and names.
func flat(symbols []schema.Symbol) (out []any) {
	last := uint64(0)
	for _, s := range symbols {
		out = append(out, s.Offset-last, s.Name)
		last = s.Offset
	}
	return out
}

// A message that names thousands of builds delays neither the rows of others nor the symbols of other stacks.
func TestManyBuildsInAMessage(t *testing.T) {
	r := newRig(t)
	r.start("g")
	var stacks []schema.Stack
	for i := range 4_000 {
		s := schema.Stack{Frames: []schema.Frame{{Module: "m", BuildID: fmt.Sprintf("%040x", 2*i), Offset: 1}, {Module: "m", BuildID: fmt.Sprintf("%040x", 2*i+1), Offset: 1}}}
		s.ID = schema.StackID(s.Frames)
		stacks = append(stacks, s)
	}
	for len(stacks) > 0 {
		n := min(1_000, len(stacks))
		r.send(schema.TopicMeta, 1, stackMessage(t, stacks[:n]...))
		stacks = stacks[n:]
	}
	begun := time.Now()
	r.send(schema.TopicEvents, 1, sampleBatch(t, 1, 1, 0, 10))
	r.eventually(10, "SELECT count() FROM %s.connections FINAL")
	require.Less(t, time.Since(begun), maxWait/10, "the rows do not wait for 8,000 questions")
	r.send(schema.TopicMeta, 2, stackMessage(t, kernelStack(kernelBuild)))
	r.send(schema.TopicSymbols, 0, kernelSymbols(t, kernelBuild, "")...)
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0")
}

// Rows alone may fill every flush; stacks are resolved all the same.
func TestLateSymbolsUnderLoad(t *testing.T) {
	r := newRig(t)
	r.startWith("g", 1, time.Hour)
	r.send(schema.TopicMeta, 2, stackMessage(t, kernelStack(kernelBuild)))
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL")
	r.send(schema.TopicSymbols, 0, kernelSymbols(t, kernelBuild, "")...)
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0")
}

// An ingester that never read the table from a topic resolves with ClickHouse's: new stacks and those that another stored.
func TestAnotherIngesterResolvesFromClickHouse(t *testing.T) {
	r := newRig(t)
	first := r.start("g")
	left := kernelStack("left")
	r.send(schema.TopicMeta, 0, stackMessage(t, left))
	r.send(schema.TopicSymbols, 0, kernelSymbols(t, kernelBuild, "")...)
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL")
	r.eventually(60_003, "SELECT count() FROM %s.symbols FINAL")
	first.stop(t)
	require.NoError(t, r.db.Exec(t.Context(), "INSERT INTO "+r.db.Name+".symbols SELECT 'left', module, piece, pieces, offset, name, hash, received_at FROM "+r.db.Name+".symbols"))

	r.start("g")
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0 AND has(build_ids, 'left')")
	r.send(schema.TopicMeta, 0, stackMessage(t, kernelStack(kernelBuild)))
	r.eventually(2, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0")
}

// A ClickHouse that was made anew beside an old topic gets the symbol tables again, though the group has read them.
func TestNewClickHouseGetsTheSymbolsAgain(t *testing.T) {
	r := newRig(t)
	first := r.start("g")
	pieces := kernelSymbols(t, kernelBuild, "")
	r.send(schema.TopicSymbols, 0, pieces...)
	r.eventually(60_003, "SELECT count() FROM %s.symbols FINAL")
	first.stop(t)
	require.NoError(t, r.db.Exec(t.Context(), "TRUNCATE TABLE "+r.db.Name+".symbols"))
	r.start("g")
	r.send(schema.TopicMeta, 0, stackMessage(t, kernelStack(kernelBuild)))
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE fp != 0")
}

// Without symbols all goes on: addresses in hex, and no fingerprint.
func TestStacksWithoutSymbols(t *testing.T) {
	r := newRig(t)
	r.start("g")
	s := schema.Stack{Frames: []schema.Frame{{Module: "kernel", Offset: 0xffffffff81000000}}}
	s.ID = schema.StackID(s.Frames)
	meta, err := schema.EncodeMeta(&schema.Meta{Host: "web-1", BootID: sampleBoot, Session: 1, Run: 7, At: sampleDay.UnixNano(), KernelRelease: "6.18.0",
		Agent: schema.HostFacts{AgentVersion: "v1", Machine: "x86_64", CPUs: 2, Kinds: []string{"connection"}, Missing: []string{"tcp_send_reset: no"}}, Stacks: []schema.Stack{s}})
	require.NoError(t, err)
	r.send(schema.TopicMeta, 0, meta)
	r.eventually(1, "SELECT count() FROM %s.stacks FINAL WHERE stack_id = "+fmt.Sprint(s.ID)+" AND fp = 0 AND symbols = ['0xffffffff81000000']")
	r.eventually(1, "SELECT count() FROM %s.hosts FINAL WHERE host = 'web-1' AND run = 7 AND agent_version = 'v1' AND machine = 'x86_64' AND cpus = 2 AND NOT symbols AND kinds = ['connection'] AND length(missing) = 1 AND started_at = '2026-03-04 12:00:00'")
}
