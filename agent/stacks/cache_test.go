// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// asked is a Source that gives the same frames for every hash, and counts.
type asked struct {
	frames []uint64
	err    error
	times  int
}

func (a *asked) Frames(uint64) ([]uint64, error) {
	a.times++
	return a.frames, a.err
}

func newCache(t *testing.T, r *Resolver, stacks int) *Cache {
	t.Helper()
	c, err := NewCache(r, stacks)
	require.NoError(t, err)
	return c
}

func intern(t *testing.T, c *Cache, hash uint64, frames ...uint64) (uint64, *schema.Stack) {
	t.Helper()
	id, isNew, err := c.Intern(hash, &asked{frames: frames})
	require.NoError(t, err)
	return id, isNew
}

func TestInternHandsEachStackOutOnce(t *testing.T) {
	c := newCache(t, readResolver(t, hostFiles(t, here)), 4)
	source := &asked{frames: here.closing()}
	id, stack, err := c.Intern(77, source)
	require.NoError(t, err)
	require.NotNil(t, stack)
	require.Equal(t, id, stack.ID)
	again, stack, err := c.Intern(77, source)
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.Nil(t, stack)
	require.Equal(t, 1, source.times, "a known hash asks for no frames")

	same, stack := intern(t, c, 78, here.closing()[3:]...)
	require.Equal(t, id, same, "without our own frames it is the same")
	require.Nil(t, stack, "and was handed out")

	none, stack := intern(t, c, 0, here.kernel)
	require.Zero(t, none, "hash 0 is no stack")
	require.Nil(t, stack)
	none, stack = intern(t, c, 80, 0, 0)
	require.Zero(t, none, "no frame is no stack")
	require.Nil(t, stack)
}

func TestFramesThatComeLaterAreTaken(t *testing.T) {
	c := newCache(t, readResolver(t, hostFiles(t, here)), 4)
	broken := errors.New("swept")
	none, stack, err := c.Intern(79, &asked{err: broken})
	require.ErrorIs(t, err, broken)
	require.Zero(t, none)
	require.Nil(t, stack)
	late, stack := intern(t, c, 79, here.kernel+0x101)
	require.NotZero(t, late)
	require.NotNil(t, stack)
	require.Equal(t, late, stack.ID)
}

func TestAddedFramesAreKnown(t *testing.T) {
	c := newCache(t, readResolver(t, hostFiles(t, here)), 4)
	id, stack := c.Add(5, []uint64{here.kernel + 0x101})
	require.NotNil(t, stack)
	again, stack := c.Add(5, []uint64{here.kernel + 0x101})
	require.Equal(t, id, again)
	require.Nil(t, stack)
	source := &asked{}
	same, stack, err := c.Intern(5, source)
	require.NoError(t, err)
	require.Equal(t, id, same)
	require.Nil(t, stack)
	require.Zero(t, source.times)
}

// After Forget every stack is handed out again, once.
func TestForgottenStacksAreHandedOutAgain(t *testing.T) {
	c := newCache(t, readResolver(t, hostFiles(t, here)), 4)
	id, _ := intern(t, c, 5, here.kernel+0x101)
	c.Forget()
	again, stack := intern(t, c, 5, here.kernel+0x101)
	require.Equal(t, id, again)
	require.NotNil(t, stack)
	_, stack = intern(t, c, 5, here.kernel+0x101)
	require.Nil(t, stack)
}

func TestCacheIsBounded(t *testing.T) {
	_, err := NewCache(nil, 0)
	require.Error(t, err)
	c := newCache(t, readResolver(t, hostFiles(t, here)), 8)
	for i := range uint64(1000) {
		_, stack := intern(t, c, i+1, here.module+i)
		require.NotNil(t, stack)
	}
	require.Equal(t, 8, c.ids.Len())
	require.Equal(t, 8, c.seen.Len())
}

// The stack of a hash is placed again once its module is known: it does not stand for raw addresses for ever.
func TestAStackIsPlacedOnceItsModuleIsKnown(t *testing.T) {
	files, now := hostFiles(t, here), time.Unix(1_700_000_000, 0)
	r := readResolver(t, files)
	r.now, r.read = func() time.Time { return now }, now
	c := newCache(t, r, 100)
	source := &asked{frames: []uint64{here.kernel + 0x123, 0xffffffffc0600010, 0}}
	again := func() (uint64, *schema.Stack) {
		id, stack, err := c.Intern(7, source)
		require.NoError(t, err)
		return id, stack
	}
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(here.symbolsOf() + "ffffffffc0600000 t late_function\t[late]\n")}
	files["proc/modules"] = &fstest.MapFile{Data: []byte("late 4096 0 - Live 0x0\n")}

	raw, stack := again()
	require.Equal(t, []schema.Frame{{Module: "kernel", BuildID: kernelID, Offset: 0x123}, {Offset: 0xffffffffc0600010}}, stack.Frames)
	same, stack := again()
	require.Equal(t, raw, same)
	require.Nil(t, stack, "too soon to read again")
	now = now.Add(firstPause)
	placed, stack := again()
	require.NotEqual(t, raw, placed)
	require.Equal(t, "late", stack.Frames[1].Module)
	require.Equal(t, placed, stack.ID)
	same, stack = again()
	require.Equal(t, placed, same)
	require.Nil(t, stack)
	require.Equal(t, 1, source.times)
	require.Zero(t, c.open.Len())
}

// Stacks that are never known cost ever fewer readings, and bounded memory.
func TestUnknownStacksAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := readResolver(t, hostFiles(t, here))
	r.now, r.read = func() time.Time { return now }, now
	c := newCache(t, r, 2*maxOpen)
	tables := map[*table]bool{}
	for range 600 { // an hour
		now = now.Add(6 * time.Second)
		for hash := range uint64(2 * maxOpen) {
			id, _ := intern(t, c, hash+1, hash+1)
			require.NotZero(t, id)
		}
		tables[r.current.Load()] = true
	}
	require.LessOrEqual(t, c.open.Len(), maxOpen)
	require.Less(t, len(tables), 20)
}
