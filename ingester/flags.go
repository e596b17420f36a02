// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/spf13/pflag"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/text"
)

// name is the program's, also towards Kafka.
const name = "tcpledger-ingester"

// flags are the ingester's settings.
type flags struct {
	http          program.HTTPFlags
	kafka         kafkaconn.Flags
	clickhouse    clickhouse.Flags
	group         string
	flushInterval time.Duration
	flushRows     int
	maxBatch      text.Size
	migrate       bool
	compression   *string
}

func (f *flags) register(set *pflag.FlagSet) {
	f.http.Register(set, "127.0.0.1:8323")
	f.kafka.Register(set)
	f.clickhouse.Register(set)
	set.StringVar(&f.group, "kafka-group", "tcpledger-ingester", "Kafka consumer `group`; all copies have the same")
	set.DurationVar(&f.flushInterval, "flush-interval", 500*time.Millisecond, "store what came at least this often")
	program.Bounds(set, "flush-interval", &f.flushInterval, time.Millisecond, time.Hour)
	set.IntVar(&f.flushRows, "flush-rows", 100_000, "store what came once it is this many `rows`")
	program.Bounds(set, "flush-rows", &f.flushRows, 1, 10_000_000)
	f.maxBatch = 64 << 20
	set.Var(&f.maxBatch, "max-batch-bytes", "read a batch of messages up to so many unpacked `bytes`; the rest of a larger one is a dead letter")
	program.Bounds(set, "max-batch-bytes", &f.maxBatch, 1<<20, 1<<30)
	set.BoolVar(&f.migrate, "migrate", true, "create and migrate the tables at the start; if false, wait for tcpledger migrate --apply")
	f.compression = program.Choice(set, "clickhouse-compression", "none", "compress inserts by this `method`: none (fastest on a near server) or lz4", "none", "lz4")
}

func (f *flags) check() error {
	if f.group == "" {
		return program.UsageError(errors.New("--kafka-group: want a name"))
	}
	return nil
}

func (f *flags) native() (*clickhouse.Native, error) {
	options, err := f.clickhouse.Native()
	if err != nil {
		return nil, err
	}
	if *f.compression == "lz4" {
		options.Compression = ch.CompressionLZ4
	}
	return options, nil
}
