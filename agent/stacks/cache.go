// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/schema"
)

// mostOpen bounds the stacks whose frames are kept to be placed again.
const mostOpen = 1024

// Cache remembers which stack a kernel-side hash stands for, and which stacks were handed out. A stack that could not be
// placed, since it was met just when its module was loaded, is made again when the resolver knows more. All is bounded:
// what falls out is only made again. It is for one goroutine.
type Cache struct {
	resolver *Resolver
	ids      *lru.Cache[uint64, uint64]   // kernel hash -> stack id
	seen     *lru.Cache[uint64, struct{}] // stack ids handed out
	open     *lru.Cache[uint64, openStack]
}

// openStack is what a kernel hash stands for whose stack is not final, and what the table was when it was placed.
type openStack struct {
	frames []uint64
	table  *table
}

// NewCache makes a cache of so many stacks; most must be above 0.
func NewCache(r *Resolver, most int) (*Cache, error) {
	ids, err := lru.New[uint64, uint64](most)
	if err != nil {
		return nil, err
	}
	seen, err := lru.New[uint64, struct{}](most)
	if err != nil {
		return nil, err
	}
	open, err := lru.New[uint64, openStack](mostOpen)
	if err != nil {
		return nil, err
	}
	return &Cache{resolver: r, ids: ids, seen: seen, open: open}, nil
}

// Intern gives the stack id of a kernel-side hash, and the stack itself the first time it is met: publish it then. frames
// is asked only for a hash that is not known; where it has no frames, or hash is 0, the id is 0: no stack.
func (c *Cache) Intern(hash uint64, frames func() ([]uint64, bool)) (id uint64, isNew *schema.Stack) {
	if hash == 0 {
		return 0, nil
	}
	if id, ok := c.ids.Get(hash); ok {
		if c.open.Len() == 0 {
			return id, nil
		}
		open, ok := c.open.Get(hash)
		if !ok || (open.table == c.resolver.current.Load() && !c.resolver.due()) {
			return id, nil
		}
		return c.make(hash, open.frames, open.table)
	}
	addresses, ok := frames()
	if !ok {
		return 0, nil
	}
	return c.make(hash, addresses, nil)
}

func (c *Cache) make(hash uint64, frames []uint64, before *table) (id uint64, isNew *schema.Stack) {
	stack, wait := c.resolver.place(frames, before)
	if len(stack.Frames) == 0 {
		return 0, nil
	}
	c.ids.Add(hash, stack.ID)
	if wait == nil {
		c.open.Remove(hash)
	} else {
		c.open.Add(hash, openStack{slices.Clone(frames), wait})
	}
	if known, _ := c.seen.ContainsOrAdd(stack.ID, struct{}{}); known {
		return stack.ID, nil
	}
	return stack.ID, &stack
}
