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
	"tcpledger/agent/journal"
	"tcpledger/agent/nat"
	"tcpledger/agent/owner"
	"tcpledger/agent/settle"
	"tcpledger/agent/stacks"
	"tcpledger/bpf"
	"tcpledger/schema"
)

// Limits bound the records that the pipeline holds, and its waits.
type Limits struct {
	// MaxSettling is how many endings wait for their reset at most.
	MaxSettling int
	// LingeringAfter is how long a socket may stay in a state past ESTABLISHED before that is an event; 0: for ever.
	LingeringAfter time.Duration
}

const (
	// maxSettling is the endings of a quarter of a second at 130,000 a second.
	maxSettling       = 32_768
	minLingeringAfter = time.Second
)

// Bounds are the bounds of the limits in words, by flag.
func Bounds() map[string]string {
	return map[string]string{"lingering-after": fmt.Sprintf("at least %s, or 0 for never", minLingeringAfter)}
}

// DefaultLimits are the limits without flags.
func DefaultLimits() Limits { return Limits{MaxSettling: maxSettling, LingeringAfter: time.Minute} }

// Validate refuses impossible limits; the error names the flag.
func (l *Limits) Validate() error {
	switch {
	case l.MaxSettling < 1:
		return fmt.Errorf("%d endings that settle: at least 1", l.MaxSettling)
	case l.LingeringAfter != 0 && l.LingeringAfter < minLingeringAfter:
		return fmt.Errorf("--lingering-after %s: %s", l.LingeringAfter, Bounds()["lingering-after"])
	}
	return nil
}

// Config has all that a Pipeline needs. Capture is started; the caller closes it after Run.
type Config struct {
	Limits
	Capture  *capture.Capture
	Owners   *owner.Names
	Resolver *stacks.Resolver
	// Stacks is how many stacks are remembered; more than the kernel's stack map holds.
	Stacks int
	Sink   Sink
	// NAT says how the other side sees a connection; nil: nobody is asked.
	NAT      *nat.Table
	Registry prometheus.Registerer
	// Past is what an earlier run left of this session; nil if the session begins.
	Past *journal.Past
	// Journal keeps what the next run must know; nil: no run goes on with the session.
	Journal *journal.Journal
	// Leave says, when Run's context has ended, whether the session goes on without this run; nil: it ends.
	Leave func() bool
}

// Pipeline reads the ring buffer to the sink. It is for one goroutine.
type Pipeline struct {
	capture     *capture.Capture
	owners      *owner.Names
	sink        Sink
	metrics     *metrics
	translate   *translator
	frames      *frames
	stacks      *stacks.Cache
	gaps        *gaps.Tracker
	settle      *settle.Settle
	nat         translations
	lingering   *lingering
	listeners   *listeners
	ownNext     uint64 // number of the next event of the agent's own
	checkpoints checkpoints
	upkeep      upkeep
	journal     *journal.Journal
	leaves      func() bool
	before      journal.State // the counts of earlier runs
	untold      []schema.Loss // losses that an earlier run has not told
	phase       string        // of the first checkpoint
	now         uint64        // kernel time: that of the newest record, or of the last look at an empty ring

	record     bpf.Record // reused for every record
	connection schema.Connection
	event      schema.Event
}

// New makes a pipeline.
func New(c Config) (*Pipeline, error) {
	if err := c.Limits.Validate(); err != nil {
		return nil, err
	}
	cache, err := stacks.NewCache(c.Resolver, c.Stacks)
	if err != nil {
		return nil, err
	}
	var before journal.State
	if c.Past != nil {
		before = c.Past.State
	}
	settling, err := settle.New(settle.Config{Max: c.MaxSettling, Watched: c.Capture.WatchesResets(), Lost: c.Capture.LostResets,
		LostBefore: before.LostResets, LostAt: before.ReadAt, Now: clock.Now})
	if err != nil {
		return nil, err
	}
	p := &Pipeline{capture: c.Capture, owners: c.Owners, sink: c.Sink, metrics: newMetrics(c.Registry), translate: newTranslator(c.Capture),
		frames: newFrames(c.Capture), stacks: cache, gaps: gaps.New(), settle: settling,
		nat:       translations{table: c.NAT, batch: make([]*schema.Connection, 0, nat.Batch)},
		lingering: newLingering(c.Capture.ScanConns(), c.LingeringAfter), listeners: newListeners(c.Past != nil), journal: c.Journal, leaves: c.Leave, before: before,
		phase: schema.CheckpointStart}
	if c.Past == nil {
		return p, nil
	}
	return p, p.resume(c.Past)
}

// Run reads until ctx ends, then stops the hooks, reads the ring to its end and finishes the sink: every numbered record is sent
// or lies in a loss range. If Leave says so, it leaves the hooks and the ring to the next run instead. An error means that it could not go on; the sink is finished as far as that goes.
func (p *Pipeline) Run(ctx context.Context) error {
	err := errors.Join(p.beginCheckpoint(p.phase), p.sendLosses(p.untold))
	for err == nil && ctx.Err() == nil {
		err = p.step()
	}
	if err == nil && p.leaves != nil && p.leaves() {
		return p.leave()
	}
	return errors.Join(err, p.end())
}

// step reads one record, or finds the ring empty, and sends the records that are due then.
func (p *Pipeline) step() error {
	if _, err := p.read(); err != nil {
		return err
	}
	return p.advance()
}

// read handles the next record. empty says that the ring had none.
func (p *Pipeline) read() (empty bool, err error) {
	err = p.capture.Read(&p.record)
	switch {
	case err == nil:
		return false, p.handle(&p.record)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true, p.idle()
	case errors.Is(err, bpf.ErrMalformed): // its number stays a gap, and so becomes a loss
		p.metrics.malformed.Inc()
		return false, nil
	}
	return false, err
}

// idle moves kernel time to the kernel's clock: no record is older than that.
func (p *Pipeline) idle() error {
	now, err := clock.Now()
	p.now = max(p.now, now)
	return err
}

// handle names a record, accounts for its number and hands it on: endings to settle, the rest to the sink.
func (p *Pipeline) handle(r *bpf.Record) error {
	if r.Kind == bpf.KindStack {
		p.metrics.stacks.WithLabelValues(stackInline).Inc()
		p.frames.keep(&r.Stack)
		return nil
	}
	head := r.Head()
	p.now = max(p.now, head.At)
	if !p.gaps.Observe(head.Stream, head.Seq, head.At) {
		return nil
	}
	p.metrics.records[r.Kind].Inc()
	if r.Kind == bpf.KindConnection {
		return p.handleConnection(&r.Connection)
	}
	return p.handleEvent(&r.Event)
}

func (p *Pipeline) handleConnection(in *bpf.Connection) (err error) {
	c := &p.connection
	p.translate.connection(in, c)
	p.owners.Fill(&c.Owner, in.Owner.Exe)
	c.Opener.Exe = p.owners.Executable(in.Opener.Exe)
	if c.StackID, err = p.stack(in.Stack); err != nil {
		return err
	}
	p.settle.Hold(c)
	return nil
}

func (p *Pipeline) handleEvent(in *bpf.Event) (err error) {
	e := &p.event
	p.translate.event(in, e)
	p.owners.Fill(&e.Owner, in.Owner.Exe)
	if e.StackID, err = p.stack(in.Stack); err != nil {
		return err
	}
	if e.Kind == schema.KindResetSent && in.Flags&bpf.EventMinisock == 0 {
		p.settle.Reset(e, in.Flags&bpf.EventWithPacket != 0)
	}
	return p.sink.Event(e, p.now)
}

// sendEndings sends every ending that is due at kernel time now, and gives the first error.
func (p *Pipeline) sendEndings(now uint64) (failed error) {
	p.askNAT(now)
	for c, err := range p.settle.Due(now) {
		if sinkErr := p.sink.Connection(c, p.now); err == nil {
			err = sinkErr
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// advance sends the records that are due at kernel time now.
func (p *Pipeline) advance() error {
	if err := p.sendEndings(p.now); err != nil {
		return err
	}
	if err := p.sendLosses(p.gaps.Due(p.now)); err != nil {
		return err
	}
	if err := p.scanLingering(); err != nil {
		return err
	}
	if err := p.askListeners(); err != nil {
		return err
	}
	if err := p.advanceCheckpoint(); err != nil {
		return err
	}
	if err := p.keepUp(); err != nil {
		return err
	}
	return p.sink.Tick(p.now)
}

func (p *Pipeline) sendLosses(losses []schema.Loss) error {
	for i := range losses {
		p.metrics.lost.WithLabelValues(losses[i].Cause).Add(float64(losses[i].Lost()))
		if err := p.sink.Loss(&losses[i], p.now); err != nil {
			return err
		}
	}
	return nil
}
