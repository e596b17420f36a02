// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

func TestOutageSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		outage := program.NewOutage(slog.New(slog.NewTextHandler(&out, nil)), "kafka")
		outage.Recovered()
		require.Empty(t, out.String(), "nothing to recover from")
		require.NoError(t, outage.Err())

		refused := errors.New("connection refused")
		for range 5 {
			outage.Failing(refused)
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), "part=kafka")
		require.ErrorIs(t, outage.Err(), refused)

		outage.Recovered()
		outage.Recovered()
		require.Equal(t, 2, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), "after=5s failed_tries=5")
		require.NoError(t, outage.Err())

		outage.Failing(refused)
		require.Equal(t, 3, strings.Count(out.String(), "\n"), "a new outage is said again")
	})
}

func TestLoggerFollowsTheFlags(t *testing.T) {
	p := newProbe("--log-level", "warn", "--log-format", "json")
	p.root.RunE = func(cmd *cobra.Command, _ []string) error {
		log := program.Logger(cmd)
		log.Info("not shown")
		log.Warn("shown", "n", 1)
		return nil
	}
	code, stderr := p.run()
	require.Zero(t, code)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(stderr), &line), "exactly one JSON line: %q", stderr)
	require.Equal(t, "shown", line["msg"])
}
