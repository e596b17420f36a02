// SPDX-License-Identifier: Apache-2.0

package row

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDays(t *testing.T) {
	require.Zero(t, Micros(0).Day())
	require.Zero(t, (MicrosOfDay - 1).Day())
	require.Equal(t, int32(1), MicrosOfDay.Day())
}
