// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/tables"
)

// --against storm holds the window against the past of its largest storm.
func TestAgainstTheStormsPast(t *testing.T) {
	ch, db := tables.Start(t)
	tables.Fill(t, db)
	args := []string{"--from", "2026-11-02 14:00", "--to", "2026-11-02 14:05", "--against", "storm"}
	code, _, errs := run(t, ch, args...)
	require.Equal(t, 1, code)
	require.Equal(t, "tcpledger: --against storm: no storm touches the window, so none has a past to compare with\n", errs)
	for past, against := range map[string]string{
		"2026-11-02 13:02:00 to 14:02:00 UTC": "hour", "2026-11-01 13:32:00 to 14:32:00 UTC": "days", "2026-10-26 13:32:00 to 14:32:00 UTC": "weeks",
	} {
		tables.Exec(t, db, "INSERT INTO storms (what, began, ended, records, expected, against, made_at) VALUES ('refused', '2026-11-02 14:02:00', '2026-11-02 14:03:00', 90, 3, '"+against+"', now64(3))")
		code, out, errs := run(t, ch, args...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "NEW AGAINST "+strings.ToUpper(past))
		require.Regexp(t, `(?m)^2026-11-02 14:02:00 UTC +2026-11-02 14:03:00 UTC +refused +90 +3`, out)
	}
}
