// SPDX-License-Identifier: Apache-2.0

// Command tcpledger-ingester stores what the agents publish: it reads Kafka and writes ClickHouse. Any number of copies share
// the work.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/pipeline"
	"tcpledger/ingester/store"
	"tcpledger/ingester/symbolize"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

func main() { os.Exit(program.Main(rootCommand())) }

func rootCommand() *cobra.Command {
	var f flags
	cmd := program.Command(name, "store what the agents publish",
		"tcpledger-ingester reads the agents' messages from Kafka and stores them in ClickHouse.\n"+
			"Any number of copies share the work. Offsets are committed once the rows are on the disk.")
	f.register(cmd.Flags())
	program.Checked(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, &f) }
	return cmd
}

func run(cmd *cobra.Command, f *flags) error {
	if err := f.check(); err != nil {
		return err
	}
	transport, err := f.kafka.Transport(name)
	if err != nil {
		return err
	}
	dialer, err := f.kafka.Dialer(name)
	if err != nil {
		return err
	}
	native, err := f.native()
	if err != nil {
		return err
	}
	db, err := f.clickhouse.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read from

	log, registry, health := program.Logger(cmd), program.NewRegistry(name), &program.Health{}
	kafkaDown, clickhouseDown := program.NewOutage(log, "kafka"), program.NewOutage(log, "clickhouse")
	health.Add("kafka", kafkaDown.Err)
	health.Add("clickhouse", clickhouseDown.Err)

	consumer := consume.New(consume.Config{Brokers: f.kafka.Brokers, Group: f.group, Transport: transport, Dialer: dialer,
		Topics: []string{schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols}, Log: log, Outage: kafkaDown, Registry: registry})
	symbolizer, err := symbolize.New(db, registry)
	if err != nil {
		return err
	}
	rows := store.New(native, db.Name, clickhouseDown, registry)
	ingest := pipeline.New(pipeline.Config{Consumer: consumer, Symbolizer: symbolizer, Store: rows, Outage: clickhouseDown,
		FlushInterval: f.flushInterval, FlushRows: f.flushRows, Log: log, Registry: registry})
	server, err := program.HTTP{Addr: f.http.Listen, Registry: registry, Health: health, Pprof: f.http.Pprof,
		AllowedHosts: f.http.AllowedHosts}.Listen()
	if err != nil {
		return err
	}
	if program.Check(cmd) {
		return server.Close()
	}

	g, ctx := errgroup.WithContext(cmd.Context())
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error {
		if err := prepare(ctx, db, f.migrate, clickhouseDown, log); err != nil {
			return err
		}
		return ingest.Run(ctx)
	})
	return g.Wait()
}

// prepare waits for ClickHouse and for its tables, which it makes unless somebody else does.
func prepare(ctx context.Context, db *clickhouse.DB, migrate bool, outage *program.Outage, log *slog.Logger) error {
	for {
		if err := db.Wait(ctx, outage); err != nil {
			return err
		}
		var err error
		if migrate {
			err = db.Migrate(ctx, func(m schema.Migration) { log.Info("migrating", "step", m.Step, "name", m.Name) })
		} else {
			err = awaitMigrations(ctx, db, log)
		}
		if err == nil || ctx.Err() != nil || !clickhouse.Passing(err) {
			return err
		}
		outage.Failing(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
}
