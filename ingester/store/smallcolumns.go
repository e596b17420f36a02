// SPDX-License-Identifier: Apache-2.0

package store

import (
	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// stackColumns: a stack is stored without symbols; the symbolize job stores it again with them.
func stackColumns() []column[row.Stack] {
	type R = row.Stack
	return []column[R]{
		u64("stack_id", func(r *R) uint64 { return r.ID }),
		u64("fp", func(*R) uint64 { return 0 }),
		u16("frames_resolved", func(*R) uint16 { return 0 }),
		texts("symbols", func(r *R) []string { return r.Symbols }),
		u64s("offsets", func(r *R) []uint64 { return r.Offsets }),
		texts("modules", func(r *R) []string { return r.Modules }),
		texts("build_ids", func(r *R) []string { return r.BuildIDs }),
		texts("lines", func(r *R) []string { return r.Lines }),
		named("kernel_release", func(r *R) string { return r.KernelRelease }),
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
	}
}

func symbolColumns() []column[row.Symbol] {
	type R = row.Symbol
	return []column[R]{
		text("build_id", func(r *R) string { return r.BuildID }),
		named("module", func(r *R) string { return r.Module }),
		u32("piece", func(r *R) uint32 { return r.Piece }),
		u32("pieces", func(r *R) uint32 { return r.Pieces }),
		u64("offset", func(r *R) uint64 { return r.Offset }),
		text("name", func(r *R) string { return r.Name }),
		u64("hash", func(r *R) uint64 { return r.Hash }),
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
	}
}

func hostColumns() []column[row.Host] {
	type R = row.Host
	return []column[R]{
		named("host", func(r *R) string { return r.Host }),
		id("boot_id", func(r *R) uuid.UUID { return r.BootID }),
		u64("session", func(r *R) uint64 { return r.Session }),
		u64("run", func(r *R) uint64 { return r.Run }),
		moment("started_at", func(r *R) row.Micros { return r.StartedAt }),
		named("kernel_release", func(r *R) string { return r.KernelRelease }),
		named("machine", func(r *R) string { return r.Facts.Machine }),
		u32("cpus", func(r *R) uint32 { return r.Facts.CPUs }),
		named("agent_version", func(r *R) string { return r.Facts.AgentVersion }),
		boolean("symbols", func(r *R) bool { return r.Facts.Symbols != 0 }),
		texts("kinds", func(r *R) []string { return r.Facts.Kinds }),
		texts("missing", func(r *R) []string { return r.Facts.Missing }),
		idOrNull("machine_id", func(r *R) uuid.NullUUID { return r.MachineID }),
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
	}
}

func checkpointColumns() []column[row.Checkpoint] {
	type R = row.Checkpoint
	return []column[R]{
		moment("at", func(r *R) row.Micros { return r.At }),
		named("host", func(r *R) string { return r.Host }),
		id("boot_id", func(r *R) uuid.UUID { return r.BootID }),
		u64("session", func(r *R) uint64 { return r.Session }),
		u64("run", func(r *R) uint64 { return r.Run }),
		named("phase", func(r *R) string { return r.Phase }),
		u32s("streams", func(r *R) []uint32 { return r.Stream }),
		u64s("next_seqs", func(r *R) []uint64 { return r.Next }),
		totals("totals", func(r *R) map[string]uint64 { return r.Totals }),
		i64("clock_offset_ns", func(r *R) int64 { return r.ClockOffsetNS }),
		u32("clock_error_us", func(r *R) uint32 { return r.ClockErrorUS }),
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
	}
}

func lossColumns() []column[row.Loss] {
	type R = row.Loss
	return []column[R]{
		moment("at", func(r *R) row.Micros { return r.At }),
		named("host", func(r *R) string { return r.Host }),
		id("boot_id", func(r *R) uuid.UUID { return r.BootID }),
		u64("session", func(r *R) uint64 { return r.Session }),
		u32("stream", func(r *R) uint32 { return r.Loss.Stream }),
		u64("seq_from", func(r *R) uint64 { return r.Loss.SeqFrom }),
		u64("seq_to", func(r *R) uint64 { return r.Loss.SeqTo }),
		named("cause", func(r *R) string { return r.Loss.Cause }),
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
	}
}

func deadLetterColumns() []column[row.DeadLetter] {
	type R = row.DeadLetter
	return []column[R]{
		moment("received_at", func(r *R) row.Micros { return r.ReceivedAt }),
		named("topic", func(r *R) string { return r.Topic }),
		i32("partition", func(r *R) int32 { return r.Partition }),
		i64("offset", func(r *R) int64 { return r.Offset }),
		text("reason", func(r *R) string { return r.Reason }),
		named("host", func(r *R) string { return r.Host }),
		text("boot_id", func(r *R) string { return r.BootID }),
		u64("session", func(r *R) uint64 { return r.Session }),
		u32s("streams", func(r *R) []uint32 { return each(r.Ranges, func(g schema.Range) uint32 { return g.Stream }) }),
		u64s("seqs_from", func(r *R) []uint64 { return each(r.Ranges, func(g schema.Range) uint64 { return g.From }) }),
		u64s("seqs_to", func(r *R) []uint64 { return each(r.Ranges, func(g schema.Range) uint64 { return g.To }) }),
		binary("key", func(r *R) []byte { return r.Key }),
		binary("message", func(r *R) []byte { return r.Message }),
		momentOrNull("replayed_at", func(*R) schema.Optional { return schema.Optional{} }),
	}
}

func each[T any](ranges []schema.Range, of func(schema.Range) T) []T {
	out := make([]T, len(ranges))
	for i, r := range ranges {
		out[i] = of(r)
	}
	return out
}
