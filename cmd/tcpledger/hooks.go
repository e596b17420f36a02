// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"tcpledger/cmd/tcpledger/topics"
	"tcpledger/cmd/tcpledger/up"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
)

// upPartitions is enough for one machine: a host's messages go to one partition anyway.
const upPartitions = 2

// hooks are the steps of `tcpledger up` that are done by what the other commands do.
func hooks() up.Hooks {
	started := time.Now()
	return up.Hooks{
		Topics: ensureTopics,
		Migrate: func(ctx context.Context, addr string) error {
			return withDB(addr, func(db *clickhouse.DB) error { return db.Migrate(ctx, nil) })
		},
		Console: serveConsole,
		RowsFlow: func(ctx context.Context, addr string) (flow bool, err error) {
			err = withDB(addr, func(db *clickhouse.DB) error {
				flow, err = rowsSince(ctx, db, started)
				return err
			})
			return flow, err
		},
	}
}

func local(addr string) clickhouse.Flags {
	return clickhouse.Flags{Addr: addr, User: "default", Database: schema.Database}
}

func withDB(addr string, use func(*clickhouse.DB) error) error {
	flags := local(addr)
	db, err := flags.Open()
	if err != nil {
		return err
	}
	return errors.Join(use(db), db.Close())
}

// rowsSince tells whether the agent of this run has rows in the tables: endings, or at least its first checkpoint.
func rowsSince(ctx context.Context, db *clickhouse.DB, since time.Time) (bool, error) {
	var rows uint64
	err := db.QueryRow(ctx, fmt.Sprintf(`SELECT (SELECT count() FROM %[1]s.connections WHERE closed_at >= %[2]s) + (SELECT count() FROM %[1]s.checkpoints WHERE at >= %[2]s)`,
		db.Name, fmt.Sprintf("fromUnixTimestamp64Micro(%d)", since.UnixMicro()))).Scan(&rows)
	if err != nil {
		return false, fmt.Errorf("ask for rows: %w", err)
	}
	return rows > 0, nil
}

func ensureTopics(ctx context.Context, broker string) error {
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{broker}})
	if err != nil {
		return err
	}
	defer done()
	return topics.Ensure(ctx, client, topics.Wanted(upPartitions), topics.BrokersChoice)
}

func serveConsole(ctx context.Context, listen string, stack up.Stack) error {
	o := consoleOptions{listen: listen, flag: "console-port", agent: stack.Agent, ingester: stack.Ingester, clickhouse: local(stack.ClickHouse),
		kafka: kafkaconn.Flags{Brokers: []string{stack.Kafka}}, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	return o.run(ctx, false)
}
