// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
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

// A stack that is met just when its module is loaded is made again once the module is known: its hash does not stand for raw
// addresses for ever.
func TestAStackIsPlacedOnceItsModuleIsKnown(t *testing.T) {
	files, now := hostFiles(t, here), time.Unix(1_700_000_000, 0)
	r := readResolver(t, files)
	r.now, r.read = func() time.Time { return now }, now
	c, err := NewCache(r, 100)
	require.NoError(t, err)
	asked := 0
	intern := func() (uint64, *schema.Stack) {
		return c.Intern(7, func() ([]uint64, bool) { asked++; return []uint64{here.kernel + 0x123, 0xffffffffc0600010, 0}, true })
	}
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(here.symbolsOf() + "ffffffffc0600000 t late_function\t[late]\n")}
	files["proc/modules"] = &fstest.MapFile{Data: []byte("late 4096 0 - Live 0x0\n")}

	raw, stack := intern()
	require.Equal(t, []schema.Frame{{Module: "kernel", BuildID: kernelID, Offset: 0x123}, {Offset: 0xffffffffc0600010}}, stack.Frames)
	same, stack := intern()
	require.Equal(t, raw, same)
	require.Nil(t, stack, "too soon to read again")
	now = now.Add(firstPause)
	placed, stack := intern()
	require.NotEqual(t, raw, placed)
	require.Equal(t, "late", stack.Frames[1].Module)
	require.Equal(t, placed, stack.ID)
	same, stack = intern()
	require.Equal(t, placed, same)
	require.Nil(t, stack)
	require.Equal(t, 1, asked)
	require.Zero(t, c.open.Len())
}

// What is never known costs ever fewer readings, and bounded memory.
func TestUnknownStacksAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := readResolver(t, hostFiles(t, here))
	r.now, r.read = func() time.Time { return now }, now
	c, err := NewCache(r, 2*mostOpen)
	require.NoError(t, err)
	tables := map[*table]bool{}
	for range 600 { // an hour
		now = now.Add(6 * time.Second)
		for hash := range uint64(2 * mostOpen) {
			id, _ := c.Intern(hash+1, func() ([]uint64, bool) { return []uint64{hash + 1}, true })
			require.NotZero(t, id)
		}
		tables[r.current.Load()] = true
	}
	require.LessOrEqual(t, c.open.Len(), mostOpen)
	require.Less(t, len(tables), 20)
}
