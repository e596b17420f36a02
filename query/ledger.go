// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// maxRows bounds every answer.
const maxRows = 10_000

// finalSettings make every answer the one without replayed rows, and times UTC whatever the server's zone is.
var finalSettings = clickhouse.Settings{
	"final": 1,
	"do_not_merge_across_partitions_select_final": 1,
	"use_skip_indexes_if_final_exact_mode":        0,
	"session_timezone":                            "UTC",
}

// Ledger asks a ClickHouse server. Its methods are safe for concurrent use. Their errors name the question.
type Ledger struct {
	conn     driver.Conn
	database string
	settings clickhouse.Settings
}

// New asks through conn, which stays the caller's to close. Each question may take as long as most; it reads only.
func New(conn driver.Conn, database string, most time.Duration) *Ledger {
	settings := maps.Clone(finalSettings)
	settings["readonly"] = 2 // settings may be sent, nothing may be written
	settings["max_execution_time"] = int(max(most.Round(time.Second)/time.Second, 1))
	settings["max_result_rows"] = maxRows
	return &Ledger{conn: conn, database: database, settings: settings}
}

func (l *Ledger) table(name string) string { return "`" + l.database + "`." + name }

func ask[T any](ctx context.Context, l *Ledger, q Query) ([]T, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(l.settings), clickhouse.WithParameters(q.Parameters))
	var rows []T
	if err := l.conn.Select(ctx, &rows, q.SQL); err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.Name, err)
	}
	return rows, nil
}

// Totals counts the endings that f chooses.
func (l *Ledger) Totals(ctx context.Context, f Filter) (Totals, error) {
	rows, err := ask[Totals](ctx, l, l.totalsQuery(f))
	if err != nil || len(rows) == 0 {
		return Totals{}, err
	}
	return rows[0], nil
}

// ByCause counts endings by cause, the top most frequent.
func (l *Ledger) ByCause(ctx context.Context, f Filter, top int) ([]ByCause, error) {
	return ask[ByCause](ctx, l, l.causesQuery(f, top))
}

// ByOwner counts endings by owner, the top most frequent.
func (l *Ledger) ByOwner(ctx context.Context, f Filter, top int) ([]ByOwner, error) {
	return ask[ByOwner](ctx, l, l.ownersQuery(f, top))
}

// ByRemote counts endings by remote address, service port and role, the top most frequent.
func (l *Ledger) ByRemote(ctx context.Context, f Filter, top int) ([]ByRemote, error) {
	return ask[ByRemote](ctx, l, l.remotesQuery(f, top))
}

// ByPath counts endings by the code path of the decisive stack, the top most frequent.
func (l *Ledger) ByPath(ctx context.Context, f Filter, top int) ([]ByPath, error) {
	return ask[ByPath](ctx, l, l.pathsQuery(f, top))
}

// Losses lists what was lost in the window, on f.Host or everywhere, the worst first: the rest of f does not apply to what is
// not there.
func (l *Ledger) Losses(ctx context.Context, f Filter) ([]Loss, error) {
	rows, err := ask[Loss](ctx, l, l.lossesQuery(f))
	return losses(rows), err
}

// Known says how far each host's ledger is known, the least known first.
func (l *Ledger) Known(ctx context.Context, f Filter) ([]Known, error) {
	return ask[Known](ctx, l, l.knownQuery(f))
}

// Latest lists the last endings, the newest first.
func (l *Ledger) Latest(ctx context.Context, f Filter, top int) ([]Ending, error) {
	return ask[Ending](ctx, l, l.latestQuery(f, top))
}

// Rates counts endings by cause in slots of slotSeconds.
func (l *Ledger) Rates(ctx context.Context, f Filter, slotSeconds int) ([]Rate, error) {
	return ask[Rate](ctx, l, l.ratesQuery(f, slotSeconds))
}

// Queries lists the questions of a postmortem as they would be sent, in its order.
func (l *Ledger) Queries(f Filter, top int) []Query {
	return []Query{l.totalsQuery(f), l.causesQuery(f, top), l.ownersQuery(f, top), l.remotesQuery(f, top), l.pathsQuery(f, top),
		l.lossesQuery(f), l.knownQuery(f)}
}
