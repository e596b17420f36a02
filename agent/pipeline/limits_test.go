// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimits(t *testing.T) {
	for want, change := range map[string]func(*Limits){
		"":                                     func(*Limits) {},
		"0 endings that settle":                func(l *Limits) { l.MaxSettling = 0 },
		"--lingering-after 999ms: at least 1s": func(l *Limits) { l.LingeringAfter = 999 * time.Millisecond },
		"--lingering-after -1s":                func(l *Limits) { l.LingeringAfter = -time.Second },
	} {
		limits := DefaultLimits()
		change(&limits)
		if want == "" {
			require.NoError(t, limits.Validate())
			continue
		}
		require.ErrorContains(t, limits.Validate(), want)
		_, err := New(Config{Limits: limits})
		require.ErrorContains(t, err, want, "before anything is made")
	}
}
