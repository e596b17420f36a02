// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Outage logs a part's failures once, not once a try: the first failure and the recovery, with how long it lasted and how
// many tries failed between. It is safe for concurrent use. Its Err is a health check.
type Outage struct {
	log  *slog.Logger
	part string

	mu       sync.Mutex
	since    time.Time // zero while the part works
	failures int
	last     error
}

// NewOutage makes the outage log of one part, named as its health check is: "kafka", "clickhouse".
func NewOutage(log *slog.Logger, part string) *Outage {
	return &Outage{log: log, part: part}
}

// Failing records a failed try. It logs the first of an outage; err must not be nil.
func (o *Outage) Failing(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures++
	o.last = err
	if o.failures > 1 {
		return
	}
	o.since = time.Now()
	o.log.Warn("not available, trying on", "part", o.part, "err", err)
}

// Recovered records a try that worked. It logs the end of an outage, and nothing if there was none.
func (o *Outage) Recovered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures == 0 {
		return
	}
	o.log.Info("available again", "part", o.part, "after", time.Since(o.since).Round(time.Millisecond), "failed_tries", o.failures)
	o.failures, o.since, o.last = 0, time.Time{}, nil
}

// Err is nil while the part works, else the last failure and since when.
func (o *Outage) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures == 0 {
		return nil
	}
	return fmt.Errorf("failing since %s: %w", o.since.UTC().Format(time.RFC3339), o.last)
}
