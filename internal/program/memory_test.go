// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"log/slog"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

func TestMemoryIsKeptWithinTheBoundAndTheControlGroup(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	m := Memory{Heap: 160 * mib, Outside: 100 * mib}
	require.EqualValues(t, (100+160+20+20+40)*mib, m.Bound())
	cases := map[string]struct {
		group uint64
		want  int64
		said  string
	}{
		"no control group":   {0, 180 * mib, `level=INFO msg=memory bound="340 MiB"` + "\n"},
		"one with room":      {1000 * mib, 180 * mib, `level=INFO msg=memory bound="340 MiB" control_group_limit="1000 MiB"` + "\n"},
		"one that is tight":  {300 * mib, 130 * mib, `level=WARN msg="the settings allow more memory than the control group: lower them or raise its limit" bound="340 MiB" control_group_limit="300 MiB"` + "\n"},
		"one that is hardly": {50 * mib, 40 * mib, `level=WARN`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))
			m.keep(log, c.group)
			require.Equal(t, c.want, debug.SetMemoryLimit(-1))
			require.Contains(t, said.String(), c.said)
		})
	}
}

func TestGOMEMLIMITGoesBefore(t *testing.T) {
	before := debug.SetMemoryLimit(77 * mib)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "77MiB")
	Memory{Heap: 160 * mib}.keep(slog.New(slog.DiscardHandler), 0)
	require.EqualValues(t, 77*mib, debug.SetMemoryLimit(-1))
}
