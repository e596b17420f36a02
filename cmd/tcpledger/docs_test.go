// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/cmd/tcpledger/ledgertest"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)\n```")

// Every statement that the documents show runs on the tables as they are.
func TestStatementsOfTheDocumentsRun(t *testing.T) {
	_, db := ledgertest.Start(t)
	ledgertest.Fill(t, db)
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	statements := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range sqlBlock.FindAllSubmatch(text, -1) {
			statements++
			require.NoError(t, db.Exec(t.Context(), string(block[1])), page)
		}
	}
	require.GreaterOrEqual(t, statements, 4)
}

// The proof of docs/losses.md counts what the checkpoints promise: a newer record makes up for none that is missing.
func TestTheProofOfTheDocuments(t *testing.T) {
	_, db := ledgertest.Start(t)
	ledgertest.Fill(t, db)
	text, err := os.ReadFile("../../docs/losses.md")
	require.NoError(t, err)
	blocks := sqlBlock.FindAllSubmatch(text, -1)
	proof := string(blocks[len(blocks)-1][1])
	require.Equal(t, map[uint64][2]uint64{7: {16, 16}, 8: {2, 2}}, prove(t, db, proof))

	ledgertest.Exec(t, db, "INSERT INTO events (at, host, session, stream, seq, received_at) VALUES ('2026-11-02 14:05:09', 'web-1', 7, 4, 8, now64(6))")
	require.Equal(t, map[uint64][2]uint64{7: {16, 16}, 8: {2, 2}}, prove(t, db, proof))

	ledgertest.Exec(t, db, `INSERT INTO checkpoints (at, host, session, run, phase, streams, next_seqs, received_at) VALUES
		('2026-11-02 14:05:15', 'web-1', 7, 1, 'periodic', [4, 5, 12], [9, 8, 3], now64(6))`)
	require.Equal(t, map[uint64][2]uint64{7: {20, 17}, 8: {2, 2}}, prove(t, db, proof))
}

func prove(t *testing.T, db driver.Conn, proof string) map[uint64][2]uint64 {
	t.Helper()
	rows, err := db.Query(t.Context(), proof)
	require.NoError(t, err)
	out := make(map[uint64][2]uint64)
	for rows.Next() {
		var session, promised, have uint64
		require.NoError(t, rows.Scan(&session, &promised, &have))
		out[session] = [2]uint64{promised, have}
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return out
}
