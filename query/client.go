// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// maxRows bounds every answer that is not a stream.
const maxRows = 10_000

// finalSettings give each row once however often it was inserted, and times in UTC whatever the server's zone is.
var finalSettings = clickhouse.Settings{
	"final": 1,
	"do_not_merge_across_partitions_select_final": 1,
	"use_skip_indexes_if_final_exact_mode":        0,
	"session_timezone":                            "UTC",
}

// Client asks a ClickHouse server. Its methods are safe for concurrent use. Their errors name the question.
type Client struct {
	conn     driver.Conn
	database string
	maxTime  time.Duration
}

// New makes a client that asks through conn, which the caller closes. The server gives up a question that takes longer than
// maxTime, at least a second.
func New(conn driver.Conn, database string, maxTime time.Duration) *Client {
	return &Client{conn: conn, database: database, maxTime: maxTime}
}

func (c *Client) table(name string) string { return "`" + c.database + "`." + name }

// readOnly lets a question send settings and write nothing.
const readOnly = 2

// bounded gives ctx the settings of a question whose whole answer is held in memory.
func (c *Client) bounded(ctx context.Context, q Question) context.Context {
	settings := maps.Clone(finalSettings)
	settings["readonly"] = readOnly
	settings["max_execution_time"] = int(max(c.maxTime.Round(time.Second)/time.Second, 1))
	settings["max_result_rows"] = maxRows
	return clickhouse.Context(ctx, clickhouse.WithSettings(settings), clickhouse.WithParameters(q.Parameters))
}

// ask returns the rows of an answer.
func ask[T any](ctx context.Context, c *Client, q Question) ([]T, error) {
	traced(ctx, q)
	var rows []T
	if err := c.conn.Select(c.bounded(ctx, q), &rows, q.SQL); err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.Name, err)
	}
	return rows, nil
}

// one returns the row of an answer that has one.
func one[T any](ctx context.Context, c *Client, q Question) (T, error) {
	rows, err := ask[T](ctx, c, q)
	if err != nil || len(rows) == 0 {
		var none T
		return none, err
	}
	return rows[0], nil
}

// stream yields the rows of an answer one by one, however many there are and however long the reader takes. An error is the
// last it yields.
func stream[T any](ctx context.Context, c *Client, q Question) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		traced(ctx, q)
		settings := maps.Clone(finalSettings)
		settings["readonly"] = readOnly
		rows, err := c.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings), clickhouse.WithParameters(q.Parameters)), q.SQL)
		if err != nil {
			yield(nil, fmt.Errorf("ask %s: %w", q.Name, err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			row := new(T)
			if err = rows.ScanStruct(row); err != nil {
				break
			}
			if !yield(row, nil) {
				return
			}
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			yield(nil, fmt.Errorf("ask %s: %w", q.Name, err))
		}
	}
}
