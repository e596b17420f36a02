// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/thejerf/suture/v4"
)

// A service that ends again and again waits between its lives: after maxQuickEnds of them, counted over endDecay, it waits
// for pauseBetween.
const (
	maxQuickEnds = 3
	endDecay     = time.Minute
	pauseBetween = 10 * time.Second
	// stopSlack is what a service needs beyond its stopWithin: it is killed then, and reaped.
	stopSlack = 10 * time.Second
)

// service is one part of the stack. It has a suture supervisor of its own, which runs it again when it ends: suture stops the
// services of one supervisor all at once, and the stack has an order.
type service struct {
	name string
	// run is one life: it calls answers once the service answers, and returns when the service has ended by itself or,
	// after ctx is done, has been stopped.
	run func(ctx context.Context, answers func()) error
	// then is done once, after the service answered for the first time: what the next service needs. Nil does nothing.
	then func(ctx context.Context) error
	// stopWithin bounds the end of a life after its ctx is done.
	stopWithin time.Duration
	say        func(format string, args ...any)

	// One life follows the other, so these have one user at a time.
	answered bool // in any life
	down     bool // the end was said, the return was not yet
	stopped  error

	first  chan error // one value: nil when the service answered, else why it ended before
	cancel context.CancelFunc
	ended  <-chan error
}

// begin starts the service and returns when it answers. After any result but "did not begin", end must be called.
func (s *service) begin(ctx context.Context) error {
	life, cancel := context.WithCancel(context.Background())
	s.first, s.cancel = make(chan error, 1), cancel
	supervisor := suture.New(s.name, suture.Spec{EventHook: s.event, FailureThreshold: maxQuickEnds, FailureDecay: endDecay.Seconds(),
		FailureBackoff: pauseBetween, Timeout: s.stopWithin + stopSlack})
	supervisor.Add(s)
	s.ended = supervisor.ServeBackground(life)
	select {
	case err := <-s.first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end stops the service, waits for it and returns how the stop went.
func (s *service) end() error {
	s.cancel()
	err := <-s.ended
	if errors.Is(err, context.Canceled) || errors.Is(err, suture.ErrTerminateSupervisorTree) {
		return s.stopped // the end that was asked for
	}
	return errors.Join(s.stopped, err)
}

// Serve is one life of the service, for its supervisor, which runs it again after an error. A service that never answered is
// not run again: begin returns why.
func (s *service) Serve(ctx context.Context) error {
	err := s.run(ctx, s.answers)
	if ctx.Err() != nil {
		s.stopped = err
		return suture.ErrDoNotRestart
	}
	if err == nil {
		err = fmt.Errorf("%s ended", s.name)
	}
	if !s.answered {
		s.first <- err
		return suture.ErrDoNotRestart
	}
	if !s.down {
		s.down = true
		s.say("%v; starting it again", err)
	}
	return err
}

func (s *service) answers() {
	if !s.answered {
		s.answered = true
		s.first <- nil
		return
	}
	s.down = false
	s.say("%s is back", s.name)
}

// String is the name that suture's events have.
func (s *service) String() string { return s.name }

// event says what only the supervisor knows.
func (s *service) event(e suture.Event) {
	switch e.Type() {
	case suture.EventTypeBackoff:
		s.say("%s ends again and again: the next try is in about %s", s.name, pauseBetween)
	case suture.EventTypeStopTimeout, suture.EventTypeServicePanic:
		s.say("%s", e)
	case suture.EventTypeServiceTerminate, suture.EventTypeResume: // Serve says the one, and the other follows from it
	}
}
