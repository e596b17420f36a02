// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestExitError(t *testing.T) {
	cause := errors.New("not yet")
	root := Command("tcpledger", "", "")
	root.RunE = func(*cobra.Command, []string) error { return ExitError(3, cause) }
	root.SetArgs(nil)
	root.SetErr(io.Discard)
	require.Equal(t, 3, Main(root))
	require.ErrorIs(t, ExitError(3, cause), cause)
	require.NoError(t, ExitError(3, nil))

	root.RunE = func(*cobra.Command, []string) error { return ExitError(3, UsageError(cause)) }
	require.Equal(t, exitUsage, Main(root), "a wrong command line stays one")
}
