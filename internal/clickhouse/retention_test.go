// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRetentionAsSQL(t *testing.T) {
	for want, r := range map[string]Retention{
		" REMOVE TTL": {},
		" MODIFY TTL bucket + INTERVAL 9 DAY DELETE":                                        {Days: 9},
		" MODIFY TTL bucket + INTERVAL 2 DAY TO VOLUME 'a\\'b'":                             {Cold: "a'b", ColdDays: 2},
		" MODIFY TTL bucket + INTERVAL 2 DAY TO VOLUME 'a', bucket + INTERVAL 9 DAY DELETE": {Cold: "a", ColdDays: 2, Days: 9},
	} {
		r.age = "bucket"
		require.Equal(t, want, r.change())
	}
	const engine = "MergeTree TTL bucket + toIntervalDay(2) TO VOLUME 'a', bucket + toIntervalDay(9) SETTINGS index_granularity = 8192"
	require.Equal(t, "9", deleteAfter.FindStringSubmatch(engine)[1])
	require.Equal(t, []string{"2", "a"}, moveAfter.FindStringSubmatch(engine)[1:])
	require.ErrorIs(t, (*DB)(nil).Keep(t.Context(), Retention{Table: "stacks"}), errNoRetention)
}
