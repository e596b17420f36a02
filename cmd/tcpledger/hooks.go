// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"tcpledger/cmd/tcpledger/topics"
	"tcpledger/cmd/tcpledger/up"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/query"
	"tcpledger/schema"
)

// upPartitions is enough for one machine: a host's messages go to one partition anyway.
const upPartitions = 2

// hooks are the steps of `tcpledger up` that are done by what the other commands do.
func hooks() up.Hooks {
	var flow rowsFlow
	flow.since = time.Now()
	return up.Hooks{
		Topics: ensureTopics,
		Migrate: func(ctx context.Context, addr string) error {
			return withDB(addr, func(db *clickhouse.DB) error { return db.Migrate(ctx, nil) })
		},
		Console:  serveConsole,
		RowsFlow: flow.ask,
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

// maxAnswer bounds each question whether rows flow.
const maxAnswer = 10 * time.Second

// rowsFlow asks over and over, so over one connection, which ends with the answer: what it costs is in the ledger too.
type rowsFlow struct {
	since time.Time
	db    *clickhouse.DB
}

// ask tells whether the agent of this run has rows in the tables: endings, or at least its first checkpoint.
func (r *rowsFlow) ask(ctx context.Context, addr string) (flow bool, err error) {
	if r.db == nil {
		flags := local(addr)
		if r.db, err = flags.Open(); err != nil {
			return false, err
		}
	}
	flow, err = query.New(r.db, r.db.Name, maxAnswer).Arrived(ctx, r.since)
	if err != nil || !flow {
		return false, err
	}
	err = r.db.Close()
	r.db = nil
	return true, err
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
