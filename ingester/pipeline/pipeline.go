// SPDX-License-Identifier: Apache-2.0

// Package pipeline is the ingester's loop: consume, decode, normalize, store, commit. It alone knows the stages.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/store"
)

// Config is the stages and when to flush. SymbolsStored is called after each flush with stacks or symbols; it must not block.
type Config struct {
	Consumer      *consume.Consumer
	Store         *store.Store
	SymbolsStored func()
	FlushInterval time.Duration
	FlushRows     int
	Log           *slog.Logger
	Registry      prometheus.Registerer
}

const (
	// maxBytes bounds the messages that wait for a flush if messages are large and rows few.
	maxBytes = 64 << 20
	// grace is how long a shutdown waits for a ClickHouse that does not answer. The next ingester reads again what is not
	// stored by then.
	grace = 10 * time.Second
	// maxGather bounds how long rows are gathered between two slow flushes.
	maxGather = 5 * time.Second
)

// Pipeline moves messages into tables. Run it once.
type Pipeline struct {
	config  Config
	handler *handler
	offsets map[string]map[int]int64 // the offset after the last message of each partition, not committed yet
	bytes   int
	failing bool // the last commit failed
}

// New makes a pipeline; nothing moves before Run.
func New(config Config) *Pipeline {
	return &Pipeline{config: config, handler: newHandler(newMetrics(config.Registry)), offsets: map[string]map[int]int64{}}
}

// Run moves messages until ctx ends; then it stores and commits the messages it holds, leaves the group and returns ctx's
// error. It waits for a Kafka or a ClickHouse that is away. Any other error is a refusal of an insert by ClickHouse: nothing
// is committed then and nothing lost, but another try would be refused too.
func (p *Pipeline) Run(ctx context.Context) error {
	err := p.run(ctx)
	return errors.Join(err, p.config.Consumer.Close(), p.config.Store.Close())
}

func (p *Pipeline) run(ctx context.Context) error {
	for {
		g, err := p.config.Consumer.Next(ctx)
		if err != nil {
			return err
		}
		p.config.Log.Info("joined the group", "partitions", g.Partitions())
		if err := p.generation(ctx, g); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// generation moves the messages of one generation of the group until it or ctx ends.
func (p *Pipeline) generation(ctx context.Context, g *consume.Generation) error {
	work, cancel := context.WithCancel(g.Ended()) // outlives ctx by grace, to store what it holds
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	defer p.drop()

	tick := time.NewTimer(p.config.FlushInterval) // begins after a flush: slow inserts grow larger, not more frequent
	flush := func() error {
		began := time.Now()
		err := p.flush(work, g)
		tick.Reset(p.gather(time.Since(began)))
		return err
	}
	defer tick.Stop()
	for {
		var err error
		select {
		case m := <-g.Messages():
			err = p.take(work, &m)
			if err == nil && (p.config.Store.Rows() >= p.config.FlushRows || p.bytes >= maxBytes) {
				err = flush()
			}
		case <-tick.C:
			err = flush()
		case <-g.Ended().Done():
			return nil
		case <-ctx.Done():
			return p.unlessOver(work, p.flush(work, g))
		}
		if err != nil {
			return p.unlessOver(work, err)
		}
	}
}

// gather is how long to gather rows after a flush that took so long. A server that is slower than the interval would else get small inserts all the time, and a
// backlog would grow: what an insert costs hardly depends on its rows.
func (p *Pipeline) gather(took time.Duration) time.Duration {
	return max(p.config.FlushInterval, min(took, maxGather))
}

// unlessOver gives err, or nil if the generation is over: messages that were not committed are read again.
func (p *Pipeline) unlessOver(work context.Context, err error) error {
	if work.Err() != nil {
		return nil
	}
	return err
}

// take puts the rows of a message into the store.
func (p *Pipeline) take(ctx context.Context, m *consume.Message) error {
	if err := p.config.Store.Append(ctx, p.handler.rows(m, time.Now())); err != nil {
		return err
	}
	p.bytes += len(m.Value)
	if p.offsets[m.Topic] == nil {
		p.offsets[m.Topic] = map[int]int64{}
	}
	p.offsets[m.Topic][m.Partition] = m.Last + 1
	return nil
}

// flush stores all rows and commits the offsets once every table has acknowledged its rows. The next flush repeats a commit
// that failed, unless the generation is over.
func (p *Pipeline) flush(ctx context.Context, g *consume.Generation) error {
	if len(p.offsets) == 0 {
		return nil
	}
	if err := p.config.Store.Flush(ctx); err != nil {
		return err
	}
	p.bytes = 0
	if p.handler.symbols {
		p.handler.symbols = false
		p.config.SymbolsStored()
	}
	err := g.Commit(p.offsets)
	if err != nil {
		if !p.failing {
			p.config.Log.Warn("the rows are stored but the offsets are not: they may be read again", "err", err)
		}
		p.failing = true
		return nil
	}
	p.failing = false
	clear(p.offsets)
	return nil
}

// drop forgets the messages that were not committed.
func (p *Pipeline) drop() {
	p.config.Store.Reset()
	clear(p.offsets)
	p.bytes, p.handler.symbols, p.failing = 0, false, false
}
