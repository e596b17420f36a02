// SPDX-License-Identifier: Apache-2.0

package store

import (
	"log/slog"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

func newStore(t testing.TB, options ch.Options) *Store {
	t.Helper()
	s := New(options, schema.Database, program.NewOutage(slog.New(slog.DiscardHandler), "clickhouse"), prometheus.NewRegistry())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// The insert block of each table has the columns of the contract, by name, order and type, and the table's day is that of
// the column it is partitioned by.
func TestBlocksAreTheContracts(t *testing.T) {
	s := newStore(t, ch.Options{})
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
	}
	require.Empty(t, blocks)
}

func TestErrnoFits(t *testing.T) {
	require.Equal(t, uint16(104), errno(104))
	require.Equal(t, uint16(65535), errno(-1))
	require.Equal(t, uint16(65535), errno(1<<20))
}
