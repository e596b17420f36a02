// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/test/wait"
)

// told counts what an outage hears.
type told struct {
	silent, recovered atomic.Int64
	other             atomic.Value
}

func (o *told) Failing(err error) {
	if !errors.Is(err, ErrSilent) {
		o.other.Store(err)
	}
	o.silent.Add(1)
}

func (o *told) Recovered() { o.recovered.Add(1) }

// A statement that gave up on a server that hangs is asked again; meanwhile the outage hears of the silence, and of its end.
func TestAHungServerIsWatched(t *testing.T) {
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	conn, err := driver.Open(&driver.Options{Addr: []string{server.Addr()}, ReadTimeout: time.Second, DialTimeout: time.Second})
	require.NoError(t, err)
	db := &DB{Conn: conn, Name: "default"}
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Ping(t.Context()))
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) }() // the engine's end waits for it

	var outage told
	var asked atomic.Int64
	answer := make(chan error, 1)
	go func() {
		answer <- db.Watch(t.Context(), &outage, func(ctx context.Context) error {
			asked.Add(1)
			return db.Exec(ctx, "SELECT 1")
		})
	}()
	require.Eventually(t, func() bool { return outage.silent.Load() > 0 && asked.Load() > 1 }, wait.Long, 10*time.Millisecond)
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
	require.NoError(t, <-answer)
	require.Nil(t, outage.other.Load())

	// While a long question is under way the outage hears that the server answers again.
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGSTOP))
	heard, recovered := outage.silent.Load(), outage.recovered.Load()
	go func() {
		answer <- db.Watch(t.Context(), &outage, func(ctx context.Context) error {
			for outage.recovered.Load() == recovered && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			return ctx.Err()
		})
	}()
	require.Eventually(t, func() bool { return outage.silent.Load() > heard }, wait.Long, 10*time.Millisecond)
	require.NoError(t, syscall.Kill(server.PID(), syscall.SIGCONT))
	require.NoError(t, <-answer)
}

// A server that cannot be reached, or refuses, is no server that hangs: the error is returned at once.
func TestOnlySilenceIsAskedAgain(t *testing.T) {
	flags := Flags{Addr: "127.0.0.1:1", Database: "tcpledger"}
	db, err := flags.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var outage told
	require.ErrorIs(t, db.Watch(t.Context(), &outage, func(ctx context.Context) error { return db.Exec(ctx, "SELECT 1") }), syscall.ECONNREFUSED)
	unreachable := fmt.Errorf("connect: %w", &net.OpError{Op: "dial", Err: context.DeadlineExceeded})
	require.ErrorIs(t, db.Watch(t.Context(), &outage, func(context.Context) error { return unreachable }), unreachable)
	require.Zero(t, outage.silent.Load())
}
