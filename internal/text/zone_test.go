// SPDX-License-Identifier: Apache-2.0

package text

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var _ pflag.Value = (*Zone)(nil)

func TestZone(t *testing.T) {
	var z Zone
	require.Equal(t, time.UTC, z.Location())
	require.Equal(t, "UTC", z.String())
	for _, name := range []string{"UTC", "Europe/Berlin", "local"} {
		require.NoError(t, z.Set(name))
		require.Equal(t, name, z.String())
	}
	require.Equal(t, time.Local, z.Location())
	for _, name := range []string{"", "Berlin", "../../etc/passwd", "+02:00", "Europe/Berlin\n"} {
		require.ErrorContains(t, z.Set(name), "is no time zone: want UTC, local or a name like Europe/Berlin", name)
	}
	require.Equal(t, "local", z.String(), "a bad name changes nothing")
}
