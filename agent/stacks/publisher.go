// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

// knownBuilds bounds what the publisher remembers as settled, and what waits: BPF programs come and go for ever.
const knownBuilds = 16_384

// PublisherConfig is what a Publisher needs; all of it.
type PublisherConfig struct {
	Resolver  *Resolver
	Brokers   []string
	Transport *kafka.Transport // the caller closes it
	Delay     time.Duration    // wait up to that long, so that a fleet that starts at once publishes a table once
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// Publisher sends the symbol table of each build that stacks refer to, unless somebody in the fleet already did.
type Publisher struct {
	resolver *Resolver
	topics   *topics
	delay    time.Duration
	outage   *program.Outage
	counters *publisherCounters
	backoff  func() backoff.BackOff

	mu      sync.Mutex
	known   *lru.Cache[string, struct{}] // asked for before
	waiting map[string]symbolTable
	wake    chan struct{}
}

// symbolTable is a table to publish. symbols is nil for one that is taken from the resolver when its time comes. sent counts
// its pieces that Kafka has: the next try goes on there, so that a builds topic that takes nothing does not fill the other.
type symbolTable struct {
	module  string
	symbols []schema.Symbol
	sent    int
}

// NewPublisher makes a publisher; it talks to Kafka in Run only.
func NewPublisher(c PublisherConfig) (*Publisher, error) {
	known, err := lru.New[string, struct{}](knownBuilds)
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		resolver: c.Resolver, topics: newTopics(c.Brokers, c.Transport), delay: c.Delay,
		outage: program.NewOutage(c.Log, "kafka (symbols)"), known: known, waiting: map[string]symbolTable{}, wake: make(chan struct{}, 1),
		backoff: func() backoff.BackOff {
			b := backoff.NewExponentialBackOff()
			b.MaxInterval = 30 * time.Second
			return b
		},
	}
	p.counters, err = newPublisherCounters(c.Metrics, p)
	return p, err
}

// Err is a health check: nil while Kafka takes and gives what this publisher needs.
func (p *Publisher) Err() error { return p.outage.Err() }

// Need asks for the tables of a stack's builds. It never blocks.
func (p *Publisher) Need(s *schema.Stack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range s.Frames {
		if f.BuildID == "" || p.known.Contains(f.BuildID) {
			continue
		}
		if len(p.waiting) >= knownBuilds {
			p.counters.tables.WithLabelValues(resultDropped).Inc()
			continue
		}
		p.known.Add(f.BuildID, struct{}{})
		table := symbolTable{module: f.Module}
		if f.Module == bpfModule { // one symbol, and soon it may be gone
			_, table.symbols, _ = p.resolver.Table(f.BuildID)
		}
		p.waiting[f.BuildID] = table
	}
	if len(p.waiting) > 0 {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// Run publishes what is asked for until ctx ends, and gives ctx's error. It runs once.
func (p *Publisher) Run(ctx context.Context) error {
	defer p.topics.close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wake:
		}
		_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, p.try(ctx) },
			backoff.WithBackOff(p.backoff()), backoff.WithMaxElapsedTime(0))
		if err != nil {
			return err
		}
	}
}

// try settles all that waits now.
func (p *Publisher) try(ctx context.Context) error {
	err := p.round(ctx)
	switch {
	case ctx.Err() != nil:
		return backoff.Permanent(ctx.Err())
	case err != nil:
		p.counters.failures.Inc()
		p.outage.Failing(err)
	default:
		p.outage.Recovered()
	}
	return err
}

// round reads which builds are complete, waits, reads on, and publishes what is still missing.
func (p *Publisher) round(ctx context.Context) error {
	next, err := p.readBuilds(ctx, 0)
	if err != nil || p.settled() {
		return err
	}
	if p.delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(p.delay)):
		}
	}
	if _, err := p.readBuilds(ctx, next); err != nil {
		return err
	}
	for _, id := range p.missing() {
		if err := p.publish(ctx, id); err != nil {
			return fmt.Errorf("publish symbols of %s: %w", id, err)
		}
	}
	return nil
}

// readBuilds takes off what others have published since the offset, and gives the offset to read on from.
func (p *Publisher) readBuilds(ctx context.Context, from int64) (int64, error) {
	next, err := p.topics.read(ctx, from, func(value []byte) {
		b, err := schema.DecodeBuild(value)
		if err != nil {
			p.counters.malformed.Inc()
			return
		}
		p.settle(b.BuildID, resultAlready)
	})
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", schema.TopicBuilds, err)
	}
	return next, nil
}

func (p *Publisher) publish(ctx context.Context, id string) error {
	p.mu.Lock()
	table := p.waiting[id]
	p.mu.Unlock()
	if table.symbols == nil {
		if _, symbols, ok := p.resolver.Table(id); ok {
			table.symbols = symbols
		}
	}
	if len(table.symbols) == 0 {
		p.settle(id, resultGone)
		return nil
	}
	pieces, build, err := encode(id, &table)
	if err != nil {
		p.settle(id, resultDropped) // another try would end the same
		return err
	}
	if err := p.topics.write(ctx, id, pieces, build, &table.sent); err != nil {
		if table.sent > 0 {
			p.mu.Lock()
			p.waiting[id] = table
			p.mu.Unlock()
		}
		return err
	}
	p.settle(id, resultPublished)
	return nil
}

func encode(id string, t *symbolTable) (pieces [][]byte, build []byte, err error) {
	if pieces, err = schema.EncodeSymbols(id, t.module, t.symbols); err != nil {
		return nil, nil, err
	}
	build, err = schema.EncodeBuild(&schema.Build{BuildID: id, Module: t.module, Pieces: uint32(len(pieces)), Symbols: uint64(len(t.symbols))})
	return pieces, build, err
}

func (p *Publisher) settle(id, result string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, waits := p.waiting[id]; waits {
		delete(p.waiting, id)
		p.counters.tables.WithLabelValues(result).Inc()
	}
	if result == resultGone {
		p.known.Remove(id) // it may be loaded again
	}
}

func (p *Publisher) settled() bool { return len(p.missing()) == 0 }

func (p *Publisher) missing() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.waiting))
	for id := range p.waiting {
		ids = append(ids, id)
	}
	return ids
}
