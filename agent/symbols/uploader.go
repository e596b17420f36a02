// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/program"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// maxBuilds bounds the builds that the uploader remembers, and those that wait: BPF programs come and go for ever.
const maxBuilds = 16_384

// Source has the symbol tables of the code that is loaded now. ok is false for a build that is not.
type Source interface {
	Table(buildID string) (module string, symbols []schema.Symbol, ok bool)
}

// Limits bound the uploads of a fleet.
type Limits struct {
	// Delay is the longest wait before an upload. Each agent waits a random part of it, so that a fleet that starts at once
	// uploads a table once.
	Delay time.Duration
}

// Bounds are the bounds of the limits in words, by flag.
func Bounds() map[string]string { return map[string]string{"symbols-delay": "not below 0s"} }

// DefaultLimits are the limits without flags.
func DefaultLimits() Limits { return Limits{Delay: time.Minute} }

// Validate refuses an impossible delay; the error names the flag.
func (l *Limits) Validate() error {
	if l.Delay < 0 {
		return fmt.Errorf("--symbols-delay %s: %s", l.Delay, Bounds()["symbols-delay"])
	}
	return nil
}

// Config has all that an Uploader needs.
type Config struct {
	Limits
	Source    Source
	Brokers   []string
	Transport *kafka.Transport // the caller closes it
	Log       *slog.Logger
	Registry  prometheus.Registerer
}

// Uploader sends the symbol table of each build that stacks refer to, unless another agent has sent it. Need and Err may be
// called from any goroutine.
type Uploader struct {
	source  Source
	topics  *topics
	delay   time.Duration
	policy  retry.Policy
	outage  *program.Outage
	metrics *metrics

	mu      sync.Mutex
	known   *lru.Cache[string, struct{}] // builds that were asked for before
	waiting map[string]table
	wake    chan struct{}
}

// table is a symbol table that waits. symbols is nil until its turn comes; then the source gives them. sent counts the pieces
// that Kafka has: the next try goes on there, so that a builds topic that refuses messages does not fill the symbols topic.
type table struct {
	module  string
	symbols []schema.Symbol
	sent    int
}

// New makes an uploader; it talks to Kafka in Run only.
func New(c Config) (*Uploader, error) {
	known, err := lru.New[string, struct{}](maxBuilds)
	if err != nil {
		return nil, fmt.Errorf("make the cache of builds: %w", err)
	}
	u := &Uploader{source: c.Source, topics: newTopics(c.Brokers, c.Transport), delay: c.Delay,
		policy: retry.Policy{First: 500 * time.Millisecond, Max: 30 * time.Second},
		outage: program.NewOutage(c.Log, "kafka (symbols)"), known: known, waiting: map[string]table{}, wake: make(chan struct{}, 1)}
	u.metrics = newMetrics(c.Registry, u)
	return u, nil
}

// Err is a health check: nil while Kafka answers the uploader.
func (u *Uploader) Err() error { return u.outage.Err() }

// Need asks for the tables of a stack's builds. It never blocks.
func (u *Uploader) Need(s *schema.Stack) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, f := range s.Frames {
		if f.BuildID == "" || u.known.Contains(f.BuildID) {
			continue
		}
		if len(u.waiting) >= maxBuilds {
			u.metrics.tables.WithLabelValues(resultDropped).Inc()
			continue
		}
		u.known.Add(f.BuildID, struct{}{})
		t := table{module: f.Module}
		if f.Module == schema.ModuleBPF { // one symbol; the program may be unloaded soon
			_, t.symbols, _ = u.source.Table(f.BuildID)
		}
		u.waiting[f.BuildID] = t
	}
	if len(u.waiting) > 0 {
		select {
		case u.wake <- struct{}{}:
		default:
		}
	}
}

// Run uploads the tables that are asked for until ctx ends, and gives ctx's error. It runs once.
func (u *Uploader) Run(ctx context.Context) error {
	defer u.topics.close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-u.wake:
		}
		err := retry.Until(ctx, u.policy, u.outage, func(ctx context.Context) error {
			err := u.round(ctx)
			if err != nil && ctx.Err() == nil {
				u.metrics.failures.Inc()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
}

// round reads which builds are complete, waits, reads on, and uploads the tables that are still missing.
func (u *Uploader) round(ctx context.Context) error {
	next, err := u.readBuilds(ctx, 0)
	if err != nil || len(u.missing()) == 0 {
		return err
	}
	if u.delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(u.delay)):
		}
	}
	if _, err := u.readBuilds(ctx, next); err != nil {
		return err
	}
	for _, id := range u.missing() {
		if err := u.upload(ctx, id); err != nil {
			return fmt.Errorf("publish symbols of %s: %w", id, err)
		}
	}
	return nil
}

// readBuilds settles the builds that others have uploaded since the offset, and gives the offset to read on from.
func (u *Uploader) readBuilds(ctx context.Context, from int64) (int64, error) {
	next, err := u.topics.read(ctx, from, func(value []byte) {
		b, err := schema.DecodeBuild(value)
		if err != nil {
			u.metrics.malformed.Inc()
			return
		}
		u.settle(b.BuildID, resultAlready)
	})
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", schema.TopicBuilds, err)
	}
	return next, nil
}

func (u *Uploader) upload(ctx context.Context, id string) error {
	u.mu.Lock()
	t := u.waiting[id]
	u.mu.Unlock()
	if t.symbols == nil {
		if _, symbols, ok := u.source.Table(id); ok {
			t.symbols = symbols
		}
	}
	if len(t.symbols) == 0 {
		u.settle(id, resultGone)
		return nil
	}
	pieces, build, err := encode(id, &t)
	if err != nil {
		u.settle(id, resultDropped) // another try would end the same
		return err
	}
	if err := u.topics.write(ctx, id, pieces, build, &t.sent); err != nil {
		if t.sent > 0 {
			u.mu.Lock()
			u.waiting[id] = t
			u.mu.Unlock()
		}
		return err
	}
	u.settle(id, resultPublished)
	return nil
}

func encode(id string, t *table) (pieces [][]byte, build []byte, err error) {
	if pieces, err = schema.EncodeSymbols(id, t.module, t.symbols); err != nil {
		return nil, nil, err
	}
	build, err = schema.EncodeBuild(&schema.Build{BuildID: id, Module: t.module, Pieces: uint32(len(pieces)), Symbols: uint64(len(t.symbols))})
	return pieces, build, err
}

// settle ends the wait of a build.
func (u *Uploader) settle(id, result string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, waits := u.waiting[id]; waits {
		delete(u.waiting, id)
		u.metrics.tables.WithLabelValues(result).Inc()
	}
	if result == resultGone {
		u.known.Remove(id) // it may be loaded again
	}
}

// missing gives the builds that wait.
func (u *Uploader) missing() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.waiting))
}
