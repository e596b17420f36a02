// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"tcpledger/internal/retry"
)

const (
	// askEvery is the pause between two questions whether the server answers.
	askEvery = 2 * time.Second
	// answersWithin is how long the server may take for an answer that costs it nothing.
	answersWithin = 5 * time.Second
)

// ErrSilent says that the server is there and does not answer: it is stopped, or the machine has no time for it.
var ErrSilent = errors.New("clickhouse does not answer")

// Watch runs ask, which asks the server, and returns its error. A statement waits for up to two minutes for a server that hangs, so
// meanwhile Watch asks whether the server answers at all, and tells the outage within seconds if it does not. If ask itself gave up on
// a silent server, it runs again.
func (db *DB) Watch(ctx context.Context, outage retry.Outage, ask func(context.Context) error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go db.watch(watching, outage)
	return retry.Until(ctx, waiting, nil, func(ctx context.Context) error {
		err := ask(ctx)
		if err != nil && !silent(err) {
			return retry.Permanent(err)
		}
		return err
	})
}

// watch tells the outage whether the server answers until ctx is done.
func (db *DB) watch(ctx context.Context, outage retry.Outage) {
	said := false
	for ticker := time.NewTicker(askEvery); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		asking, cancel := context.WithTimeout(ctx, answersWithin)
		err := db.Ping(asking)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil && silent(err):
			said = true
			outage.Failing(fmt.Errorf("%w: %w", ErrSilent, err))
		case said:
			said = false
			outage.Recovered()
		}
	}
}

// silent reports whether a failure is that of a server that was reached and did not answer in time.
func silent(err error) bool {
	var where *net.OpError
	if errors.As(err, &where) && where.Op == "dial" {
		return false
	}
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
