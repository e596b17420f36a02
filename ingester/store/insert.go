// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/cenkalti/backoff/v5"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
)

const (
	firstPause = 50 * time.Millisecond
	// longestPause is short: while ClickHouse is away the lag grows.
	longestPause = 5 * time.Second
	// refusals is how often an insert may be refused for a reason that does not look like one that passes.
	refusals = 5
)

// inserter inserts blocks over one connection, which it makes again when it breaks.
type inserter struct {
	options  ch.Options
	database string
	client   *ch.Client // nil: not connected
	outage   *program.Outage
	metrics  *metrics
}

// insert stores a block. While ClickHouse is away or overloaded it tries for ever; an insert whose outcome is unknown is
// repeated, the rows' identity makes that harmless. It returns ctx's error, or the server's where it refuses the block.
func (i *inserter) insert(ctx context.Context, table string, input proto.Input, rows int) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, longestPause
	patience := i.options.ReadTimeout
	for refused := 0; ; {
		started := time.Now()
		err := i.try(ctx, table, input, rows, patience)
		if err == nil {
			i.outage.Recovered()
			i.metrics.inserted(table, rows, time.Since(started))
			return nil
		}
		i.disconnect()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i.metrics.failures.Inc()
		if errors.Is(err, errSilent) {
			patience *= 2 // it may be slow, not dead: an insert that is always cut short would never end
		}
		if !clickhouse.Passing(err) {
			if refused++; refused == refusals {
				return err
			}
		}
		i.outage.Failing(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// errSilent marks an insert that the server did not answer in time.
var errSilent = errors.New("no answer")

// try inserts once. It ends with ctx, and where the server hangs after patience: the client itself would wait for ever for
// the answer, and not look at ctx before its own timeout.
func (i *inserter) try(ctx context.Context, table string, input proto.Input, rows int, patience time.Duration) error {
	if i.client == nil {
		client, err := ch.Dial(ctx, i.options)
		if err != nil {
			return fmt.Errorf("connect to clickhouse: %w", err)
		}
		i.client = client
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := i.client
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // what is under way fails then
	defer stop()
	err := client.Do(ctx, ch.Query{
		Body:  fmt.Sprintf("INSERT INTO `%s`.`%s` %s VALUES", i.database, table, input.Columns()),
		Input: input,
	})
	if err == nil {
		return nil
	}
	if clickhouse.Code(err) == 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w within %s", errSilent, patience)
	}
	return fmt.Errorf("insert %d rows into %s: %w", rows, table, err)
}

// disconnect drops the connection: after an error its state is unknown.
func (i *inserter) disconnect() {
	if i.client != nil {
		_ = i.client.Close() // it is broken or about to be forgotten
		i.client = nil
	}
}

func (i *inserter) close() error {
	if i.client == nil {
		return nil
	}
	err := i.client.Close()
	i.client = nil
	if errors.Is(err, ch.ErrClosed) {
		return nil
	}
	return err
}
