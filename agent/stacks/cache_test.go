// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInternHandsEachStackOutOnce(t *testing.T) {
	c, err := NewCache(readResolver(t, hostFiles(t, here)), 4)
	require.NoError(t, err)
	asked := 0
	frames := func(addresses ...uint64) func() ([]uint64, bool) {
		return func() ([]uint64, bool) { asked++; return addresses, len(addresses) > 0 }
	}

	id, stack := c.Intern(77, frames(here.closing()...))
	require.NotNil(t, stack)
	require.Equal(t, id, stack.ID)
	again, stack := c.Intern(77, frames())
	require.Equal(t, id, again)
	require.Nil(t, stack)
	require.Equal(t, 1, asked, "a known hash asks for no frames")

	same, stack := c.Intern(78, frames(here.closing()[3:]...))
	require.Equal(t, id, same, "without our own frames it is the same")
	require.Nil(t, stack, "and was handed out")

	none, stack := c.Intern(79, frames())
	require.Zero(t, none)
	require.Nil(t, stack)
	late, stack := c.Intern(79, frames(here.kernel+0x101))
	require.NotZero(t, late, "frames that come later are still taken")
	require.NotNil(t, stack)

	none, stack = c.Intern(0, frames(here.kernel))
	require.Zero(t, none)
	require.Nil(t, stack)
	none, stack = c.Intern(80, frames(0, 0))
	require.Zero(t, none, "no frame is no stack")
	require.Nil(t, stack)
}

func TestCacheIsBounded(t *testing.T) {
	_, err := NewCache(nil, 0)
	require.Error(t, err)
	c, err := NewCache(readResolver(t, hostFiles(t, here)), 8)
	require.NoError(t, err)
	for i := range uint64(1000) {
		_, stack := c.Intern(i+1, func() ([]uint64, bool) { return []uint64{here.module + i}, true })
		require.NotNil(t, stack)
	}
	require.Equal(t, 8, c.ids.Len())
	require.Equal(t, 8, c.seen.Len())
}
