// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"time"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/retry"
	"tcpledger/internal/topics"
	"tcpledger/query"
	"tcpledger/schema"
)

const (
	// partitions are enough for one machine: a host's messages go to one partition anyway.
	partitions = 2
	// noRowsAfter is when up says that no rows came yet.
	noRowsAfter = 30 * time.Second
	// maxAnswer bounds each question whether rows came.
	maxAnswer = 10 * time.Second
)

// rowsEvery is how often the tables are asked whether rows came.
var rowsEvery = retry.Policy{First: 100 * time.Millisecond}

// errNoRows is the answer of tables that work and have no row of this run.
var errNoRows = errors.New("the tables have no row of this run")

// local is the embedded ClickHouse's address as connection settings.
func local(addr string) clickhouse.Flags {
	return clickhouse.Flags{Addr: addr, User: "default", Database: schema.Database}
}

// makeTopics creates the topics that are missing.
func (r *run) makeTopics(ctx context.Context) error {
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{r.stack.Kafka}})
	if err != nil {
		return err
	}
	defer done()
	return topics.Ensure(ctx, client, topics.Wanted(partitions), topics.BrokersChoice)
}

// migrate brings the tables to this program's version.
func (r *run) migrate(ctx context.Context) error {
	return r.withTables(func(db *clickhouse.DB) error {
		return db.Watch(ctx, &silence{say: r.say}, func(ctx context.Context) error { return db.Migrate(ctx, nil) })
	})
}

// withTables opens the database for one use.
func (r *run) withTables(use func(*clickhouse.DB) error) error {
	flags := local(r.stack.ClickHouse)
	db, err := flags.Open()
	if err != nil {
		return err
	}
	return errors.Join(use(db), db.Close())
}

// awaitRows waits until rows of this run have come the whole way. It asks over one connection: what asking costs is in the
// ledger too.
func (r *run) awaitRows(ctx context.Context) error {
	return r.withTables(func(db *clickhouse.DB) error {
		late := &lateRows{say: r.say, logs: r.logDir(), since: time.Now()}
		questions := query.New(db, db.Name, maxAnswer)
		return retry.Until(ctx, rowsEvery, late, func(ctx context.Context) error {
			arrived, err := questions.Arrived(ctx, r.began)
			if err == nil && !arrived {
				err = errNoRows
			}
			return err
		})
	})
}

// silence says once that ClickHouse does not answer, and once that it does.
type silence struct {
	say  func(format string, args ...any)
	said bool
}

// Failing hears of each question without an answer.
func (s *silence) Failing(err error) {
	if !s.said {
		s.say("%v, waiting", err)
	}
	s.said = true
}

// Recovered hears of the first answer after that.
func (s *silence) Recovered() {
	s.said = false
	s.say("clickhouse answers again")
}

// lateRows says once that no rows came yet.
type lateRows struct {
	say   func(format string, args ...any)
	logs  string
	since time.Time
	said  bool
}

// Failing hears of each question that found no rows.
func (l *lateRows) Failing(err error) {
	if l.said || time.Since(l.since) < noRowsAfter {
		return
	}
	l.said = true
	l.say("no rows yet: %v; the logs in %s may say why", err, l.logs)
}

// Recovered hears that rows came: the ready line says it.
func (l *lateRows) Recovered() {}
