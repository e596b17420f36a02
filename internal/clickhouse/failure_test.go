// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"errors"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
)

// A server without memory is told apart from a statement that is too large for its user.
func TestShortageAndTooLarge(t *testing.T) {
	for _, c := range []struct {
		code              proto.Error
		message           string
		shortage, toLarge bool
	}{
		{241, "Query memory limit exceeded: would use 41.00 MiB, maximum: 40.00 MiB.", false, true},
		{241, "User memory limit exceeded: would use 41.00 MiB, maximum: 40.00 MiB.", false, true},
		{241, "(total) memory limit exceeded: would use 5.39 GiB, maximum: 5.38 GiB.", true, false},
		{241, "Memory limit (total) exceeded: would use 5.39 GiB", true, false},
		{159, "Timeout exceeded: elapsed 10.1 seconds, maximum: 10", false, true},
		{252, "Too many parts", false, false},
	} {
		err := error(&ch.Exception{Code: c.code, Message: c.message})
		require.Equal(t, c.shortage, Shortage(err), c.message)
		require.Equal(t, c.toLarge, TooLarge(err), c.message)
	}
	require.False(t, TooLarge(errors.New("(241) connection reset")))
}
