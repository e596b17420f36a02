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

	"gopkg.in/natefinch/lumberjack.v2"

	"tcpledger/internal/devstack/clickhouse"
)

const (
	// startWithin bounds the start of one service; an engine reads its data first.
	startWithin = 2 * time.Minute
	// sameKeystroke: signals this soon after the first are the same Ctrl-C (make passes it on a second time).
	sameKeystroke = 500 * time.Millisecond
)

// run is one life of the stack.
type run struct {
	o       Options
	stack   stack
	began   time.Time
	logs    map[string]*lumberjack.Logger
	started []*service // in the order in which they were started

	// hurry is done when a clean stop shall not go on.
	hurry    context.Context
	hurryNow context.CancelFunc
	saying   sync.Mutex
}

// Run starts the whole stack, says "tcpledger ready: http://…" when rows flow, keeps every service running, and stops them in
// the order of the flow when ctx is done, so that nothing is lost. A second SIGINT or SIGTERM kills what has not stopped yet.
// What keeps the stack from starting is an error before anything starts.
func Run(ctx context.Context, o Options) error {
	signals := make(chan os.Signal, 4) // held for the whole run: while stopping, a signal must not kill
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	lock, err := check(ctx, &o)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }() // the process ends anyway
	r := &run{o: o, stack: o.stack(), began: time.Now(), logs: make(map[string]*lumberjack.Logger)}
	r.hurry, r.hurryNow = context.WithCancel(context.Background())
	defer r.hurryNow()
	defer r.closeLogs()
	err = r.up(ctx)
	if err == nil {
		<-ctx.Done()
		r.say("stopping")
	}
	return errors.Join(err, r.down(signals))
}

// up starts the services in their order.
func (r *run) up(ctx context.Context) error {
	if err := r.openLogs(); err != nil {
		return err
	}
	engine, err := clickhouse.Find(ctx, r.o.Out)
	if err != nil {
		return err
	}
	for _, note := range r.o.notes {
		r.say("%s", note)
	}
	r.say("data in %s, logs in %s", r.o.Data, r.logDir())
	for _, s := range r.services(engine) {
		r.started = append(r.started, s)
		if err := s.begin(ctx); err != nil {
			return err
		}
		if s.then == nil {
			continue
		}
		if err := s.then(ctx); err != nil {
			return err
		}
	}
	r.say("tcpledger ready: http://%s", r.stack.Console)
	return nil
}

// down stops the services that were started, the last one first.
func (r *run) down(signals <-chan os.Signal) error {
	go r.hurryOnSignal(signals)
	var all error
	for _, s := range slices.Backward(r.started) {
		if err := s.end(); err != nil {
			all = errors.Join(all, fmt.Errorf("stopping: %w", err))
		}
	}
	return all
}

// hurryOnSignal ends a clean stop with a second signal. It returns when r.hurry is done.
func (r *run) hurryOnSignal(signals <-chan os.Signal) {
	first := time.Now()
	for {
		select {
		case <-r.hurry.Done():
			return
		case <-signals:
			if time.Since(first) > sameKeystroke {
				r.say("stopping at once")
				r.hurryNow()
				return
			}
		}
	}
}

// say tells a person one line. Nothing fails because nobody listens.
func (r *run) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	_, _ = fmt.Fprintf(r.o.Out, format+"\n", args...)
}
