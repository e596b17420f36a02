// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tcpledger/ingester/row"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

func newStore(t testing.TB, options *clickhouse.Native) *Store {
	t.Helper()
	s := New(options, schema.Database, program.NewOutage(slog.New(slog.DiscardHandler), "clickhouse"), prometheus.NewRegistry())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// The insert block of each table has the columns of the contract, by name, order and type, and the table's day is that of
// the column it is partitioned by.
func TestBlocksAreTheContracts(t *testing.T) {
	s := newStore(t, &clickhouse.Native{})
	blocks := map[string]flusher{}
	for _, f := range s.all {
		blocks[f.name()] = f
	}
	for _, table := range schema.Tables() {
		block, ok := blocks[table.Name]
		require.True(t, ok, table.Name)
		delete(blocks, table.Name)
		var want, got [][2]string
		for _, c := range table.Inserted() {
			want = append(want, [2]string{c.Name, c.Type})
		}
		for _, c := range block.input() {
			got = append(got, [2]string{c.Name, c.Data.Type().String()})
		}
		require.Equal(t, want, got, table.Name)
		require.Equal(t, table.Parts != "", block.byDay(), "%s: an insert holds one partition", table.Name)
	}
	require.Empty(t, blocks)
}

func TestErrnoFits(t *testing.T) {
	require.Equal(t, uint16(104), errno(104))
	require.Equal(t, uint16(65535), errno(-1))
	require.Equal(t, uint16(65535), errno(1<<20))
}

// Each day is a block of its own; what is of one day too many waits for a flush, and an acknowledged block is not sent again.
func TestBlocksByDay(t *testing.T) {
	at := func(r *row.Loss) row.Micros { return r.At }
	tab := newTable("loss", lossColumns, at)
	source, lost := &row.Source{}, &schema.Loss{}
	var rows []row.Loss
	for day := range row.Micros(maxDays + 3) {
		for range 2 {
			rows = append(rows, row.Loss{Source: source, Loss: lost, At: day * row.MicrosOfDay})
		}
	}
	rest := tab.append(rows)
	require.Len(t, rest, 6)
	require.Equal(t, 2*maxDays, tab.pending())

	fails := errors.New("no")
	sent := 0
	insert := func(_ context.Context, _ string, input proto.Input, n int) error {
		require.Equal(t, 2, n)
		for _, c := range input {
			require.Equal(t, 2, c.Data.Rows(), c.Name)
		}
		if sent++; sent == 5 {
			return fails
		}
		return nil
	}
	require.ErrorIs(t, tab.flush(t.Context(), insert), fails)
	require.Equal(t, 2*(maxDays-4), tab.pending())
	require.NoError(t, tab.flush(t.Context(), insert))
	require.Equal(t, maxDays+1, sent, "the one that failed was sent twice, no other")
	require.Empty(t, tab.append(rest))
	require.Equal(t, 6, tab.pending())
	tab.reset()
	require.Zero(t, tab.pending())
	require.NoError(t, tab.flush(t.Context(), insert))
	require.Equal(t, maxDays+1, sent)
}

// A part of a block has the block's values, of every type of column, also after the block was sent.
func TestPartsHaveTheBlocksValues(t *testing.T) {
	now := row.Micros(1_772_625_600_000_000)
	source := &row.Source{Host: "web-1", Session: 1 << 60, ReceivedAt: now}
	tab := newTable("checkpoints", checkpointColumns, func(r *row.Checkpoint) row.Micros { return r.At })
	var rows []row.Checkpoint
	for i := range uint32(7) {
		rows = append(rows, row.Checkpoint{Source: source, At: now, Phase: string(rune('a' + i)), Stream: []uint32{i, i + 1}, Next: []uint64{uint64(i)},
			Totals: map[string]uint64{"own_connection": uint64(i), "stacks_taken": 1}})
	}
	require.Empty(t, tab.append(rows))
	var whole, parts proto.Buffer
	var block *block[row.Checkpoint]
	for _, block = range tab.open {
	}
	encode := func(b *proto.Buffer, input proto.Input, n int) {
		require.NoError(t, proto.Block{Rows: n, Columns: len(input)}.EncodeBlock(b, proto.Version, input))
	}
	encode(&whole, tab.part(block, 2, 5).input, 3) // before the block is prepared
	encode(&proto.Buffer{}, block.input, 7)
	encode(&parts, tab.part(block, 2, 5).input, 3)
	require.Equal(t, whole.Buf, parts.Buf)
	require.NotEmpty(t, whole.Buf)
	fresh := newTable("checkpoints", checkpointColumns, func(r *row.Checkpoint) row.Micros { return r.At })
	require.Empty(t, fresh.append(rows[2:5]))
	for _, b := range fresh.open {
		var want proto.Buffer
		encode(&want, b.input, 3)
		require.Equal(t, want.Buf, parts.Buf)
	}
}

func TestBlockSize(t *testing.T) {
	var s blockSize
	require.Equal(t, 100, s.of(100))
	s.refused(100)
	require.Equal(t, 50, s.of(100))
	s.refused(50)
	require.Equal(t, 25, s.of(100))
	s.refused(1)
	require.Equal(t, 1, s.of(100))
	for range growAfter {
		s.acknowledged()
	}
	require.Equal(t, 2, s.of(100))
	for range 20 * growAfter {
		s.acknowledged()
	}
	require.Equal(t, 10_000_000, s.of(10_000_000), "the limit is gone")
}
