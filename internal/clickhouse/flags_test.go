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
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

func TestBadFlagsAreNamed(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(noPEM, []byte("not one"), 0o600))
	for want, args := range map[string][]string{
		"--clickhouse: ":                        {"--clickhouse", "no-port"},
		"--clickhouse-database":                 {"--clickhouse-database", "d; DROP"},
		"want --clickhouse-tls":                 {"--clickhouse-tls-ca", "x"},
		"--clickhouse-tls-ca: open":             {"--clickhouse-tls", "--clickhouse-tls-ca", noPEM + ".missing"},
		"--clickhouse-tls-ca: " + noPEM:         {"--clickhouse-tls", "--clickhouse-tls-ca", noPEM},
		"in the clear: give --clickhouse-tls":   {"--clickhouse-password", "x"},
		"the ClickHouse password would cross":   {"--clickhouse-password-file", noPEM},
		"--clickhouse-password-file: open":      {"--clickhouse-tls", "--clickhouse-password-file", noPEM + ".missing"},
		"--clickhouse-password-file: give one ": {"--clickhouse-tls", "--clickhouse-password", "x", "--clickhouse-password-file", noPEM},
	} {
		f := parsed(t, args...)
		_, err := f.Open()
		require.ErrorContains(t, err, want)
		_, err = f.Native()
		require.ErrorContains(t, err, want)
	}
	allowed := parsed(t, "--clickhouse-password", "x", "--clickhouse-allow-plaintext-password")
	options, err := allowed.Native()
	require.NoError(t, err)
	password, err := options.password()
	require.NoError(t, err)
	require.Equal(t, "x", password)
}

// parsed are the settings that a command line gives.
func parsed(t *testing.T, args ...string) *Flags {
	t.Helper()
	var f Flags
	set := pflag.NewFlagSet("probe", pflag.ContinueOnError)
	f.Register(set)
	require.NoError(t, set.Parse(args))
	return &f
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
