// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTroubleOfAView(t *testing.T) {
	now := time.Now()
	old, fresh := now.Add(-time.Hour), now.Add(-time.Minute)
	require.Equal(t, "no memory", (&Refresh{Exception: "no memory\nstack"}).Trouble(now))
	require.Contains(t, (&Refresh{Succeeded: &old}).Trouble(now), "no refresh succeeded since ")
	require.Empty(t, (&Refresh{Succeeded: &fresh}).Trouble(now))
	require.Empty(t, (&Refresh{}).Trouble(now), "it was made just now")
}
