// SPDX-License-Identifier: Apache-2.0

// Package pipeline is the ingester's loop: consume, decode, symbolize, normalize, store, commit. It alone knows the stages.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/ingester/consume"
	"tcpledger/ingester/row"
	"tcpledger/ingester/store"
	"tcpledger/ingester/symbolize"
	"tcpledger/internal/program"
)

// Config is the stages and when to flush.
type Config struct {
	Consumer      *consume.Consumer
	Symbolizer    *symbolize.Symbolizer
	Store         *store.Store
	Outage        *program.Outage // of ClickHouse
	FlushInterval time.Duration
	FlushRows     int
	Log           *slog.Logger
	Registry      prometheus.Registerer
}

const (
	// flushBytes bounds what waits for a flush where messages are large and rows few.
	flushBytes = 64 << 20
	// grace is how long a shutdown waits for a ClickHouse that does not answer. What is not stored by then is read again.
	grace = 10 * time.Second
)

// Pipeline moves messages into tables. Run it once.
type Pipeline struct {
	config  Config
	handler *handler
	offsets map[string]map[int]int64 // to go on from, of messages taken since the last commit
	bytes   int
	failing bool // the last commit failed
}

// New makes a pipeline; nothing moves before Run.
func New(config Config) *Pipeline {
	return &Pipeline{config: config, handler: newHandler(config.Symbolizer, newMetrics(config.Registry)), offsets: map[string]map[int]int64{}}
}

// Run moves messages until ctx ends; then it stores and commits what it has taken, leaves the group and returns ctx's error.
// It waits for a Kafka or a ClickHouse that is away. Any other error is ClickHouse refusing an insert: nothing is committed
// then and nothing lost, but going on would only repeat it.
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
	work, cancel := context.WithCancel(g.Ended()) // goes on for a while after ctx, to finish
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	defer p.drop()

	tick := time.NewTimer(p.config.FlushInterval) // from the end of the last one: slow inserts make larger ones, not more
	defer tick.Stop()
	for {
		var err error
		select {
		case m := <-g.Messages():
			err = p.take(work, &m)
			if err == nil && (p.config.Store.Rows() >= p.config.FlushRows || p.bytes >= flushBytes) {
				err = p.flushAndLate(work, g)
				tick.Reset(p.config.FlushInterval)
			}
		case <-tick.C:
			err = p.flushAndLate(work, g)
			tick.Reset(p.config.FlushInterval)
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

// unlessOver is err, or nil where it only says that the generation is over: what was not committed is read again.
func (p *Pipeline) unlessOver(work context.Context, err error) error {
	if work.Err() != nil {
		return nil
	}
	return err
}

// take turns a message into rows in the store.
func (p *Pipeline) take(ctx context.Context, m *consume.Message) error {
	if err := p.config.Store.Append(ctx, p.handler.rows(ctx, m, time.Now())); err != nil {
		return err
	}
	p.bytes += len(m.Value)
	if p.offsets[m.Topic] == nil {
		p.offsets[m.Topic] = map[int]int64{}
	}
	p.offsets[m.Topic][m.Partition] = m.Offset + 1
	return nil
}

// flush stores all rows and, once every table has acknowledged them, commits the offsets. A commit that fails is tried again
// with the next flush, unless the generation is over.
func (p *Pipeline) flush(ctx context.Context, g *consume.Generation) error {
	if len(p.offsets) == 0 {
		return nil
	}
	if err := p.config.Store.Flush(ctx); err != nil {
		return err
	}
	p.bytes = 0
	if p.handler.published {
		p.handler.published = false
		p.config.Symbolizer.Published()
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

// flushAndLate is every flush but the last: where rows alone call for one after the other, the tick never comes.
func (p *Pipeline) flushAndLate(ctx context.Context, g *consume.Generation) error {
	if err := p.flush(ctx, g); err != nil {
		return err
	}
	return p.late(ctx)
}

// late completes stacks that had to wait for a symbol table, when all else is stored.
func (p *Pipeline) late(ctx context.Context) error {
	if p.config.Store.Rows() > 0 || !p.config.Symbolizer.Due(time.Now()) {
		return nil
	}
	var found row.Set
	if err := p.config.Symbolizer.Late(ctx, time.Now(), &found); err != nil {
		if ctx.Err() == nil {
			p.config.Outage.Failing(err)
		}
		return nil
	}
	p.config.Outage.Recovered()
	if found.Len() == 0 {
		return nil
	}
	err := p.config.Store.Append(ctx, &found)
	if err == nil {
		err = p.config.Store.Flush(ctx)
	}
	if err != nil {
		p.config.Symbolizer.Again()
	}
	return err
}

// drop forgets what was taken and not committed.
func (p *Pipeline) drop() {
	p.config.Store.Reset()
	clear(p.offsets)
	p.bytes, p.handler.published, p.failing = 0, false, false
}
