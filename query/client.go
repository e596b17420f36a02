// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tcpledger/schema"
)

// maxRows bounds every answer that is not a stream.
const maxRows = 10_000

// maxBytes bounds its size on the server: a row of a host whose agent was started without end would be large too.
const maxBytes = 16 << 20

// timezone is that of every question, whatever the server's is.
const timezone = "UTC"

// settings are those of every question: each row once however often it was inserted, and nothing is written.
func settings() clickhouse.Settings {
	out := clickhouse.Settings{"session_timezone": timezone, "readonly": readOnly}
	for _, s := range schema.FinalSettings() {
		out[s.Name] = s.Value
	}
	return out
}

// readOnly lets a question send settings and write nothing.
const readOnly = 2

// Client asks a ClickHouse server. Its methods are safe for concurrent use. Their errors name the question.
type Client struct {
	conn     driver.Conn
	database string
	maxTime  time.Duration
	maxRead  uint64 // rows that a question may read, 0 for no bound
	rowsOnly bool   // leave the rollups out
}

// New makes a client that asks through conn, which the caller closes. The server gives up a question that takes longer than
// maxTime, at least a second.
func New(conn driver.Conn, database string, maxTime time.Duration) *Client {
	return &Client{conn: conn, database: database, maxTime: maxTime}
}

func (c *Client) table(name string) string { return "`" + c.database + "`." + name }

// bounded gives ctx the settings of a question whose whole answer is held in memory.
func (c *Client) bounded(ctx context.Context, q Question) context.Context {
	limited := settings()
	limited["max_execution_time"] = int(max(c.maxTime.Round(time.Second)/time.Second, 1))
	limited["max_result_rows"] = maxRows
	limited["max_result_bytes"] = maxBytes
	if c.maxRead > 0 {
		limited["max_rows_to_read"] = c.maxRead
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(limited), clickhouse.WithParameters(q.Parameters))
}

// ask returns the rows of an answer.
func ask[T any](ctx context.Context, c *Client, q Question) ([]T, error) {
	traced(ctx, q)
	var rows []T
	if err := c.conn.Select(c.bounded(ctx, q), &rows, q.SQL); err != nil {
		return nil, c.failed(q, err)
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
		rows, err := c.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings()), clickhouse.WithParameters(q.Parameters)), q.SQL)
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
