// SPDX-License-Identifier: Apache-2.0

// Package retry tries until something works: one loop, one way to say that it does not work yet.
package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Policy is how long to pause between tries: First, then half as long again each time, with jitter, up to Max. If Max is not
// above First, every pause is First, without jitter.
type Policy struct {
	First time.Duration
	Max   time.Duration
}

// BackOff gives the policy's pauses, from the first on.
func (p Policy) BackOff() backoff.BackOff {
	if p.Max <= p.First {
		return backoff.NewConstantBackOff(p.First)
	}
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = p.First, p.Max
	b.Reset()
	return b
}

// Outage hears of each failed try and of the first that works after one; program.Outage logs them.
type Outage interface {
	Failing(err error)
	Recovered()
}

// Permanent marks an error that no further try can mend: Until returns it, unwrapped, at once.
func Permanent(err error) error { return backoff.Permanent(err) }

// Until calls fn until it returns nil, an error that Permanent marked, or ctx ends; then the error is ctx's and that of the
// last try. A nil outage hears nothing. A try that ctx cut short is no failure of the part.
func Until(ctx context.Context, policy Policy, outage Outage, fn func(context.Context) error) error {
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last = fn(ctx)
		if outage != nil && ctx.Err() == nil {
			tell(outage, last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(policy.BackOff()), backoff.WithMaxElapsedTime(0))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Unwrap()
	}
	if err != nil && ctx.Err() != nil && last != nil && !errors.Is(last, ctx.Err()) {
		return fmt.Errorf("%w; the last try: %w", context.Cause(ctx), last)
	}
	return err
}

func tell(outage Outage, err error) {
	if err != nil {
		outage.Failing(err)
		return
	}
	outage.Recovered()
}
