// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/retry"
)

// policy is short: while ClickHouse is away the lag grows.
var policy = retry.Policy{First: 50 * time.Millisecond, Max: 5 * time.Second}

// inserter inserts blocks over one connection, which it makes again when it breaks.
type inserter struct {
	options  *clickhouse.Native
	database string
	client   *ch.Client // nil: not connected
	outage   *program.Outage
	metrics  *metrics
}

// insert stores a block. It repeats an insert that failed until the server acknowledges it or ctx ends; then it returns ctx's
// error. It returns errTooLarge if the server refuses more than one row for their size twice. An insert whose outcome is unknown is repeated too: the identity of the rows makes that harmless. So is an insert
// that the server refuses, since a person can mend the table or the grant; the outage says the server's reason.
func (i *inserter) insert(ctx context.Context, table string, input proto.Input, rows int) error {
	timeout, tooLarge := i.options.ReadTimeout, 0
	return retry.Until(ctx, policy, i.outage, func(ctx context.Context) error {
		started := time.Now()
		err := i.try(ctx, table, input, rows, timeout)
		if err == nil {
			i.metrics.inserted(table, rows, time.Since(started))
			return nil
		}
		i.disconnect()
		if ctx.Err() == nil {
			i.metrics.failures.Inc()
		}
		if errors.Is(err, errSilent) {
			timeout *= 2 // a slow server would never finish an insert that is always cut short
		}
		switch {
		case clickhouse.Shortage(err):
			return fmt.Errorf("the server is short of memory, waiting: %w", err)
		case clickhouse.TooLarge(err) && rows > 1:
			err = fmt.Errorf("%w: %w", errTooLarge, err)
			if tooLarge++; tooLarge == maxTooLarge {
				return retry.Permanent(err)
			}
		}
		return err
	})
}

// maxTooLarge is how often a block is refused for its size before it is cut: the first time something else may be the cause.
const maxTooLarge = 2

// errTooLarge marks a block that the server refuses for its size or for the time that it takes.
var errTooLarge = errors.New("the block is too large for the server, it is sent in halves")

// errSilent marks an insert that the server did not answer in time.
var errSilent = errors.New("no answer")

// try inserts once. It ends with ctx, and after timeout if the server hangs: the client itself would wait for the answer for
// ever, and does not look at ctx before its own timeout.
func (i *inserter) try(ctx context.Context, table string, input proto.Input, rows int, timeout time.Duration) error {
	if i.client == nil {
		client, err := i.options.Dial(ctx)
		if err != nil {
			return err
		}
		i.client = client
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := i.client
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // ends the insert under way
	defer stop()
	err := client.Do(ctx, ch.Query{
		Body:  fmt.Sprintf("INSERT INTO `%s`.`%s` %s VALUES", i.database, table, input.Columns()),
		Input: input,
	})
	if err == nil {
		return nil
	}
	if clickhouse.Code(err) == 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w within %s", errSilent, timeout)
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
