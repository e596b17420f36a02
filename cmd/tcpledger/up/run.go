// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
)

const (
	// startWithin bounds the start of one part; an engine reads its data first.
	startWithin = 2 * time.Minute
	// rowsEvery is how often the tables are asked whether rows flow, and noRowsAfter when their absence is told.
	rowsEvery   = 100 * time.Millisecond
	noRowsAfter = 30 * time.Second
	// sameKeystroke: signals this soon after the first are the same Ctrl-C (make passes it on a second time).
	sameKeystroke = 500 * time.Millisecond
)

// run is one life of the stack.
type run struct {
	o      Options
	stack  Stack
	logs   map[string]*child.LogFile
	parts  []*part // in the order they were started
	saying sync.Mutex
}

// Run starts the whole stack, says "tcpledger ready: http://…" when rows flow, keeps every part running, and stops them in
// the order of the flow when ctx is done, so that nothing is lost; a second SIGINT or SIGTERM makes that short. What keeps
// it from starting is an error before anything starts.
func Run(ctx context.Context, o Options) error {
	signals := make(chan os.Signal, 4) // held for the whole run: while stopping, a signal must not kill
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	lock, err := check(ctx, &o)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }() // the process ends anyway
	r := &run{o: o, stack: o.stack(), logs: make(map[string]*child.LogFile)}
	defer r.closeLogs()
	err = r.up(ctx)
	if err == nil {
		<-ctx.Done()
		r.say("stopping")
	}
	return errors.Join(err, r.down(signals))
}

// up starts everything in the order in which each needs the one before.
func (r *run) up(ctx context.Context) error {
	if err := r.openLogs(); err != nil {
		return err
	}
	engine, err := clickhouse.Find(ctx, r.o.Out)
	if err != nil {
		return err
	}
	r.say("data and logs in %s", r.o.Data)
	steps := []func(context.Context) error{
		r.begin(r.kafka()),
		r.begin(r.clickhouse(engine)),
		func(ctx context.Context) error { return r.o.Hooks.Topics(ctx, r.stack.Kafka) },
		func(ctx context.Context) error { return r.o.Hooks.Migrate(ctx, r.stack.ClickHouse) },
		r.begin(r.ingester()),
		r.begin(r.console()),
	}
	if !r.o.NoAgent {
		steps = append(steps, r.begin(r.agent()), r.awaitRows)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.say("tcpledger ready: http://%s", r.stack.Console)
	return nil
}

// begin is the step that starts a part.
func (r *run) begin(p *part) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, startWithin)
		defer cancel()
		if err := p.begin(ctx); err != nil {
			return err
		}
		r.parts = append(r.parts, p)
		return nil
	}
}

// awaitRows waits until rows have come the whole way.
func (r *run) awaitRows(ctx context.Context) error {
	late := time.After(noRowsAfter)
	for {
		flow, err := r.o.Hooks.RowsFlow(ctx, r.stack.ClickHouse)
		if err == nil && flow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			r.say("no rows yet; the logs in %s/log may say why%s", r.o.Data, because(err))
		case <-time.After(rowsEvery):
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// down stops what runs: first what feeds (the agent flushes into Kafka, the ingester stores and commits), then what they
// feed. What the ingester has not consumed stays in Kafka, on the disk.
func (r *run) down(signals <-chan os.Signal) error {
	hurry, cancel := context.WithCancel(context.Background())
	defer cancel()
	go r.hurry(hurry, cancel, signals)
	var all error
	for _, name := range []string{"agent", "ingester", "console", "clickhouse", "kafka"} {
		i := slices.IndexFunc(r.parts, func(p *part) bool { return p.name == name })
		if i < 0 {
			continue
		}
		if err := r.parts[i].end(hurry); err != nil {
			all = errors.Join(all, fmt.Errorf("stopping: %w", err))
		}
	}
	return all
}

// hurry ends the patience with a second signal.
func (r *run) hurry(ctx context.Context, cancel context.CancelFunc, signals <-chan os.Signal) {
	first := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			if time.Since(first) > sameKeystroke {
				r.say("stopping at once")
				cancel()
				return
			}
		}
	}
}

// say tells a person one line. Nothing is to fail because nobody listens.
func (r *run) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	_, _ = fmt.Fprintf(r.o.Out, format+"\n", args...)
}

func (r *run) closeLogs() {
	for _, log := range r.logs {
		_ = log.Close() // everything that wrote to it has ended
	}
}
