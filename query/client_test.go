// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/tables"
)

func TestClient(t *testing.T) {
	_, db := tables.Make(t, startEngine(t), "client")
	client := query.New(db, db.Name, time.Minute)
	w := query.Window{From: evening.Add(-time.Hour), To: evening}

	t.Run("a trace sees each question before it is sent", func(t *testing.T) {
		var sent []query.Question
		ctx := query.WithTrace(t.Context(), func(q query.Question) { sent = append(sent, q) })
		_, err := client.Totals(ctx, w, query.Filter{Host: "web-1"})
		require.NoError(t, err)
		for _, err := range client.DeadLetters(ctx, w, query.Filter{}) {
			require.NoError(t, err)
		}
		require.Len(t, sent, 2)
		require.Equal(t, "totals", sent[0].Name)
		require.Equal(t, "web-1", sent[0].Parameters["host"])
		require.NoError(t, db.Exec(t.Context(), "SELECT 1")) // a question that was sent leaves the connection usable
	})
	t.Run("a reader may stop in the middle", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "INSERT INTO client.dead_letters (received_at, topic, partition, offset, message) SELECT toDateTime64('2026-11-02 19:30:00', 6, 'UTC'), 't', 0, number, 'm' FROM numbers(20000)"))
		seen := 0
		for letter, err := range client.DeadLetters(t.Context(), w, query.Filter{}) {
			require.NoError(t, err)
			require.EqualValues(t, seen, letter.Offset)
			if seen++; seen == 10 {
				break
			}
		}
		require.Equal(t, 10, seen)
		for _, err := range client.DeadLetters(t.Context(), w, query.Filter{}) {
			require.NoError(t, err)
			seen++
		}
		require.Equal(t, 20_010, seen, "a stream has no limit of rows")
	})
	t.Run("an error names the question", func(t *testing.T) {
		nowhere := query.New(db, "nowhere", time.Minute)
		_, err := nowhere.Losses(t.Context(), w, query.Filter{})
		require.ErrorContains(t, err, "ask losses: code: ")
		require.ErrorAs(t, err, new(*clickhouse.Exception))
		_, err = nowhere.Paths(t.Context(), w, query.Filter{}, 1)
		require.ErrorContains(t, err, "ask endings by code path: ")
		_, err = nowhere.Symbols(t.Context(), []uint64{1})
		require.ErrorContains(t, err, "ask frames of stacks: ")
		yielded := 0
		for letter, err := range nowhere.DeadLetters(t.Context(), w, query.Filter{}) {
			require.Nil(t, letter)
			require.ErrorContains(t, err, "ask dead letters: code: ")
			yielded++
		}
		require.Equal(t, 1, yielded)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = client.Totals(ctx, w, query.Filter{})
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("the answer has a limit of time and rows", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "INSERT INTO client.connections (closed_at, session, seq, service_port, received_at) SELECT toDateTime64('2026-11-02 19:30:00', 6, 'UTC'), 1, number, number, now64(6) FROM numbers(20000)"))
		_, err := client.Endings(t.Context(), w, query.Filter{}, 20_000, query.ServicePort)
		require.ErrorContains(t, err, "Limit for result exceeded")
		require.ErrorContains(t, err, "ask endings by service_port: it takes more than 10,000 rows of answer: ask for a shorter window")
		groups, err := client.Endings(t.Context(), w, query.Filter{}, 3, query.ServicePort)
		require.NoError(t, err)
		require.Len(t, groups, 3)
		require.EqualValues(t, 20_000, groups[0].Groups)
	})
	t.Run("a question that would read too much is refused before it begins", func(t *testing.T) {
		var large *query.TooLargeError
		_, err := client.ReadingAtMost(1000).Doubts(t.Context(), w, query.Filter{})
		require.ErrorAs(t, err, &large)
		require.ErrorContains(t, err, "ask what is not known: it takes more than 1,000 rows: ask for a shorter window (--from, --to), one --host or one --remote: ")
		doubts, err := client.ReadingAtMost(1000).Doubts(t.Context(), query.Window{From: w.From.Add(-48 * time.Hour), To: w.From.Add(-47 * time.Hour)}, query.Filter{})
		require.NoError(t, err, "a shorter window is answered")
		require.Zero(t, doubts.Endings)
		_, err = client.Doubts(t.Context(), w, query.Filter{})
		require.NoError(t, err)
	})
}
