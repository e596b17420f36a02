// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlowFlushesGatherLonger(t *testing.T) {
	p := &Pipeline{config: Config{FlushInterval: 500 * time.Millisecond}}
	require.Equal(t, 500*time.Millisecond, p.gather(0))
	require.Equal(t, 500*time.Millisecond, p.gather(100*time.Millisecond))
	require.Equal(t, 3*time.Second, p.gather(3*time.Second))
	require.Equal(t, maxGather, p.gather(time.Hour))
	p.config.FlushInterval = time.Minute
	require.Equal(t, time.Minute, p.gather(time.Hour))
}
