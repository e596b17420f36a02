// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/settle"
	"tcpledger/schema"
)

// failing is a sink that takes endings and fails at some.
type failing struct {
	keeper
	err error
}

func (f *failing) Connection(c *schema.Connection, now uint64) error {
	_ = f.keeper.Connection(c, now) // never fails
	if c.Conn%2 == 0 {
		return f.err
	}
	return nil
}

func holding(t *testing.T, sink Sink, counter error) *Pipeline {
	t.Helper()
	s, err := settle.New(settle.Config{Max: 100, Watched: true, Lost: func() (uint64, error) { return 0, counter },
		Now: func() (uint64, error) { return 1, nil }})
	require.NoError(t, err)
	return &Pipeline{settle: s, sink: sink}
}

// TestEveryEndingIsSentDespiteErrors: settle has let it go, so nobody would send it later. The first error is returned.
func TestEveryEndingIsSentDespiteErrors(t *testing.T) {
	broken, closed := errors.New("no counter"), errors.New("closed")
	for name, test := range map[string]struct{ counter, sink, want error }{
		"counter": {counter: broken, want: broken}, "sink": {sink: closed, want: closed}, "both": {broken, closed, broken}, "none": {},
	} {
		sink := &failing{err: test.sink}
		p := holding(t, sink, test.counter)
		for conn := range uint64(5) {
			p.settle.Hold(&schema.Connection{Socket: schema.Socket{Conn: conn + 1}})
		}
		require.Equal(t, test.want, p.sendEndings(settle.End), name)
		require.Len(t, sink.ended, 5, name)
	}
}

// TestAStepMakesNoGarbage while no ending is due.
func TestAStepMakesNoGarbage(t *testing.T) {
	p := holding(t, &keeper{}, nil)
	p.settle.Hold(&schema.Connection{Identity: schema.Identity{At: 1e9}})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if err := p.sendEndings(1e9); err != nil {
			t.Fatal(err)
		}
	}))
}
