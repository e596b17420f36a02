// SPDX-License-Identifier: Apache-2.0

// Command tcpledger-ingester stores what the agents publish: it reads Kafka and writes ClickHouse. Any number of copies share
// the work.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/jobs/refreshes"
	"tcpledger/ingester/jobs/symbolize"
	"tcpledger/ingester/pipeline"
	"tcpledger/ingester/store"
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
	defer func() { _ = db.Close() }() // a job that was cut short begins again at the next start

	log, registry, health := program.Logger(cmd), program.NewRegistry(name), &program.Health{}
	kafkaDown, clickhouseDown := program.NewOutage(log, "kafka"), program.NewOutage(log, "clickhouse")
	health.Add("kafka", kafkaDown.Err)
	health.Add("clickhouse", clickhouseDown.Err)
	symbolsDown := program.NewOutage(log, "clickhouse (symbols)")

	symbols, err := symbolize.New(db, symbolsDown, registry)
	if err != nil {
		return err
	}
	consumer := consume.New(consume.Config{Brokers: f.kafka.Brokers, Group: f.group, Transport: transport, Dialer: dialer,
		Topics: []string{schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols}, MaxBatch: int64(f.maxBatch),
		Rewind: symbols.Rewind, Log: log, Outage: kafkaDown, Registry: registry})
	watch, err := f.clickhouse.Open()
	if err != nil {
		return err
	}
	defer func() { _ = watch.Close() }()
	rollups := refreshes.New(watch, program.NewOutage(log, "clickhouse (rollups)"), registry)
	health.Add("rollups", rollups.Err)
	health.Add("parts", rollups.Broken)
	rows := store.New(native, db.Name, clickhouseDown, registry)
	ingest := pipeline.New(pipeline.Config{Consumer: consumer, Store: rows, SymbolsStored: symbols.Stored,
		FlushInterval: f.flushInterval, FlushRows: f.flushRows, Log: log, Registry: registry})
	server, err := program.HTTP{Addr: f.http.Listen, Registry: registry, Health: health, Pprof: f.http.Pprof,
		AllowedHosts: f.http.AllowedHosts}.Listen()
	if err != nil {
		return err
	}
	if program.Check(cmd) {
		return server.Close()
	}

	f.memory().Keep(log)
	g, ctx := errgroup.WithContext(cmd.Context())
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error {
		if err := prepare(ctx, db, f.migrate, clickhouseDown, log); err != nil {
			return err
		}
		g.Go(func() error { return symbols.Run(ctx) })
		g.Go(func() error { return rollups.Run(ctx) })
		return ingest.Run(ctx)
	})
	return g.Wait()
}
