// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTerminated(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		below, cancel := context.WithCancel(ctx)
		require.False(t, Terminated(below))
		require.NoError(t, syscall.Kill(os.Getpid(), s))
		<-below.Done()
		require.Equal(t, s == syscall.SIGTERM, Terminated(below))
		cancel()
		stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	<-ctx.Done()
	require.False(t, Terminated(ctx))
}
