// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"fmt"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/schema"
)

// maxOpen bounds the stacks whose frames are kept to be placed again.
const maxOpen = 1024

// Source has the frames of kernel-side hashes: addresses, innermost first; a 0 ends them. The frames need to stay valid only
// until the next call.
type Source interface {
	Frames(hash uint64) ([]uint64, error)
}

// Cache remembers which stack a kernel-side hash stands for, and which stacks were handed out. A stack that could not be
// placed, because its module was just being loaded, is placed again when the resolver knows more. All is bounded: an entry that falls
// out is made again. It is for one goroutine.
type Cache struct {
	resolver *Resolver
	ids      *lru.Cache[uint64, uint64]   // kernel hash -> stack id
	seen     *lru.Cache[uint64, struct{}] // stack ids handed out
	open     *lru.Cache[uint64, openStack]
}

// openStack is the frames of a kernel hash whose stack is not final, and the table that they were placed with.
type openStack struct {
	frames []uint64
	table  *table
}

// NewCache makes a cache of at most so many stacks, at least 1.
func NewCache(r *Resolver, stacks int) (*Cache, error) {
	ids, err := lru.New[uint64, uint64](stacks)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	seen, err := lru.New[uint64, struct{}](stacks)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	open, err := lru.New[uint64, openStack](maxOpen)
	if err != nil {
		return nil, fmt.Errorf("make the stack cache: %w", err)
	}
	return &Cache{resolver: r, ids: ids, seen: seen, open: open}, nil
}

// Intern gives the stack id of a kernel-side hash, and the stack itself if it was not handed out before: publish it then. The
// source is asked only for a hash that is not known; its error is returned as it is. Id 0 is no stack: hash is 0, there is an
// error, or no frame is left.
func (c *Cache) Intern(hash uint64, source Source) (id uint64, isNew *schema.Stack, err error) {
	if hash == 0 {
		return 0, nil, nil
	}
	if id, ok := c.ids.Get(hash); ok {
		if c.open.Len() == 0 {
			return id, nil, nil
		}
		open, ok := c.open.Get(hash)
		if !ok || (open.table == c.resolver.current.Load() && !c.resolver.due()) {
			return id, nil, nil
		}
		id, isNew = c.make(hash, open.frames, open.table)
		return id, isNew, nil
	}
	frames, err := source.Frames(hash)
	if err != nil {
		return 0, nil, err
	}
	id, isNew = c.make(hash, frames, nil)
	return id, isNew, nil
}

// Add is Intern of a hash whose frames are at hand. The caller keeps frames.
func (c *Cache) Add(hash uint64, frames []uint64) (id uint64, isNew *schema.Stack) {
	if id, ok := c.ids.Get(hash); ok {
		return id, nil
	}
	return c.make(hash, frames, nil)
}

// Forget makes the cache hand every stack out again.
func (c *Cache) Forget() {
	c.ids.Purge()
	c.seen.Purge()
	c.open.Purge()
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
