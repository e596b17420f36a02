// SPDX-License-Identifier: Apache-2.0

package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// A view that fails fails the part, with ClickHouse's own words.
func TestRollupsPart(t *testing.T) {
	_, db := tables.Start(t)
	_, err := Rollups(db).Check(t.Context())
	require.NoError(t, err)

	require.NoError(t, db.Exec(t.Context(), "RENAME TABLE tcpledger.closes_1m TO tcpledger.elsewhere"))
	tables.Fill(t, db)
	for _, verb := range []string{"CANCEL", "REFRESH"} {
		require.NoError(t, db.Exec(t.Context(), "SYSTEM "+verb+" VIEW tcpledger.closes_1m_refresh"))
	}
	_ = db.Exec(t.Context(), "SYSTEM WAIT VIEW tcpledger.closes_1m_refresh") // its error is the view's
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEW tcpledger.closes_1m_refresh"))
	require.NoError(t, db.Exec(t.Context(), "RENAME TABLE tcpledger.elsewhere TO tcpledger.closes_1m"))
	_, err = Rollups(db).Check(t.Context())
	require.ErrorContains(t, err, "closes_1m: ")
	require.True(t, condition{Err: err}.Answers())
}

func TestLagOfTheRollups(t *testing.T) {
	require.Empty(t, lagging(nil))
	require.Empty(t, lagging(map[string]clickhouse.Refresh{"a": {Lag: time.Minute}}))
	require.Equal(t, "b 2h0m behind", lagging(map[string]clickhouse.Refresh{"a": {Lag: time.Hour}, "b": {Lag: 2 * time.Hour}, "c": {Lag: 2 * time.Hour}}))
}
