// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

func TestBadFlagsAreNamed(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(noPEM, []byte("not one"), 0o600))
	for want, f := range map[string]Flags{
		"--clickhouse: ":                {Addr: "no-port", Database: "d"},
		"--clickhouse-database":         {Addr: "h:1", Database: "d; DROP"},
		"wants --clickhouse-tls":        {Addr: "h:1", Database: "d", CA: "x"},
		"--clickhouse-tls-ca: open":     {Addr: "h:1", Database: "d", TLS: true, CA: noPEM + ".missing"},
		"--clickhouse-tls-ca: " + noPEM: {Addr: "h:1", Database: "d", TLS: true, CA: noPEM},
	} {
		_, err := f.Open()
		require.ErrorContains(t, err, want)
		_, err = f.Native()
		require.ErrorContains(t, err, want)
	}
}

// The server's own buffering of inserts acknowledges before it stores: it must be off whatever the profile says.
func TestInsertsAreSynchronous(t *testing.T) {
	f := Flags{Addr: "h:1", Database: "d"}
	options, err := f.Native()
	require.NoError(t, err)
	require.Contains(t, options.Settings, ch.SettingInt("async_insert", 0))
}

func TestPassing(t *testing.T) {
	require.True(t, Passing(io.EOF))
	require.True(t, Passing(fmt.Errorf("insert: %w", &ch.Exception{Code: proto.ErrTooManyParts})))
	require.True(t, Passing(&driver.Exception{Code: 241}))
	require.True(t, Passing(&ch.Exception{Code: proto.ErrCannotOpenFile}), "a disk without inodes, a server without descriptors")
	require.False(t, Passing(&driver.Exception{Code: 516}), "a wrong password stays wrong")
	require.False(t, Passing(&ch.Exception{Code: proto.ErrTypeMismatch}))
	require.Equal(t, int32(516), Code(fmt.Errorf("ping: %w", &driver.Exception{Code: 516})))
	require.Zero(t, Code(errors.New("refused")))
}

func TestWaitSaysThatNobodyAnswers(t *testing.T) {
	f := Flags{Addr: "127.0.0.1:1", Database: "d"}
	db, err := f.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	outage := program.NewOutage(slog.New(slog.DiscardHandler), "clickhouse")
	require.ErrorIs(t, db.Wait(ctx, outage), context.DeadlineExceeded)
	require.Error(t, outage.Err())
}
