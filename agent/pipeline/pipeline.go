// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/agent/capture"
	"tcpledger/agent/clock"
	"tcpledger/agent/gaps"
	"tcpledger/agent/owner"
	"tcpledger/agent/settle"
	"tcpledger/agent/stacks"
	"tcpledger/bpf"
	"tcpledger/schema"
)

// Config is what a Pipeline needs; all of it. Capture is started; the caller closes it after Run.
type Config struct {
	Capture  *capture.Capture
	Owners   *owner.Names
	Resolver *stacks.Resolver
	// Stacks is how many stacks are remembered; more than the kernel's stack map holds.
	Stacks int
	// LingeringAfter is how long a socket may stay in a state past ESTABLISHED until that is a record; 0: for ever.
	LingeringAfter time.Duration

	Sink     Sink
	Registry prometheus.Registerer
}

// settleMost is how many endings are held at most: a quarter of a second of 130,000 a second.
const settleMost = 32_768

// observeEvery is how often, in kernel time, the gauges are set.
const observeEvery = uint64(100e6)

// Pipeline reads the ring buffer to the sink. It is for one goroutine.
type Pipeline struct {
	capture   *capture.Capture
	owners    *owner.Names
	resolver  *stacks.Resolver
	remember  int
	sink      Sink
	metrics   *metrics
	translate *translator
	stacks    *stackIDs
	gaps      *gaps.Tracker
	settle    *settle.Settle
	lingering *lingering
	unseen    unseen
	emit      func(*schema.Connection)

	now           uint64
	observeDue    uint64
	observed      uint64
	checkpointDue uint64
	pending       *pending
	err           error // of emit, met where no error can be returned
	resetsWatched bool
	record        bpf.Record
	connection    schema.Connection
	event         schema.Event
}

// New makes a pipeline.
func New(c Config) (*Pipeline, error) {
	cache, err := stacks.NewCache(c.Resolver, c.Stacks)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	p := &Pipeline{capture: c.Capture, owners: c.Owners, resolver: c.Resolver, remember: c.Stacks, sink: c.Sink,
		metrics: newMetrics(c.Registry), translate: newTranslator(c.Capture), gaps: gaps.New(), settle: settle.New(settleMost),
		lingering: newLingering(c.Capture.ScanConns(), c.LingeringAfter)}
	p.stacks = newStackIDs(p, cache)
	p.resetsWatched = c.Capture.WatchesResets()
	p.unseen.read = func() (uint64, error) { return c.Capture.Total(bpf.TotalLost + bpf.Total(bpf.KindResetSent)) }
	p.emit = func(c *schema.Connection) {
		if err := errors.Join(p.doubt(c), p.sink.Connection(c, p.now)); err != nil && p.err == nil {
			p.err = err
		}
	}
	return p, nil
}

// Run reads until ctx ends, then stops the hooks, reads what they left, and finishes the sink: nothing that was numbered is
// missing. An error means that it could not go on; the sink is finished as far as that goes.
func (p *Pipeline) Run(ctx context.Context) error {
	err := p.beginCheckpoint(schema.CheckpointStart)
	for err == nil && ctx.Err() == nil {
		err = p.step()
	}
	return errors.Join(err, p.end())
}

// step reads one record, or finds the ring empty, and lets go what is due then.
func (p *Pipeline) step() error {
	err := p.capture.Read(&p.record)
	switch {
	case err == nil:
		err = p.take(&p.record)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = p.idle()
	case errors.Is(err, bpf.ErrMalformed): // its number stays a gap, and so becomes a loss
		p.metrics.malformed.Inc()
		err = nil
	}
	if err != nil {
		return err
	}
	return p.advance()
}

// idle moves kernel time to the kernel's clock: no record is older than that.
func (p *Pipeline) idle() error {
	now, err := clock.Now()
	p.now = max(p.now, now)
	return err
}

// take names a record, accounts for its number and hands it on: endings to settle, the rest to the sink.
func (p *Pipeline) take(r *bpf.Record) error {
	if r.Kind == bpf.KindStack {
		p.stacks.keep(&r.Stack)
		return nil
	}
	head := r.Head()
	p.now = max(p.now, head.At)
	if !p.gaps.Saw(head.Stream, head.Seq, head.At) {
		return nil
	}
	p.metrics.records[r.Kind].Inc()
	if r.Kind == bpf.KindConnection {
		return p.takeConnection(&r.Connection)
	}
	return p.takeEvent(&r.Event)
}

func (p *Pipeline) takeConnection(in *bpf.Connection) (err error) {
	c := &p.connection
	p.translate.connection(in, c)
	p.owners.Fill(&c.Owner)
	if c.StackID, err = p.stacks.id(in.Stack); err != nil {
		return err
	}
	p.settle.Connection(c, p.emit)
	return nil
}

func (p *Pipeline) takeEvent(in *bpf.Event) (err error) {
	e := &p.event
	p.translate.event(in, e)
	p.owners.Fill(&e.Owner)
	if e.StackID, err = p.stacks.id(in.Stack); err != nil {
		return err
	}
	if e.Kind == schema.KindResetSent && in.Flags&bpf.EventMinisock == 0 {
		p.settle.Reset(e, in.Flags&bpf.EventWithPacket != 0)
	}
	return p.sink.Event(e, p.now)
}

// advance lets go what is due at kernel time now.
func (p *Pipeline) advance() error {
	p.settle.Due(p.now, p.emit)
	if err := p.lose(p.gaps.Due(p.now)); err != nil {
		return err
	}
	if err := p.lingering.step(p.now, p.takeLingering); err != nil {
		return err
	}
	if err := p.advanceCheckpoint(); err != nil {
		return err
	}
	if p.now >= p.observeDue {
		if err := p.observe(); err != nil {
			return err
		}
	}
	return errors.Join(p.err, p.sink.Tick(p.now))
}

func (p *Pipeline) lose(losses []schema.Loss) error {
	for i := range losses {
		p.metrics.lost.WithLabelValues(losses[i].Cause).Add(float64(losses[i].Lost()))
		if err := p.sink.Loss(&losses[i], p.now); err != nil {
			return err
		}
	}
	return nil
}
