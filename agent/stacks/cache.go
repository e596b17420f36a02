// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/schema"
)

// Cache remembers which stack a kernel-side hash stands for, and which stacks were handed out. Both are bounded: what
// falls out is only made again. It is safe for concurrent use.
type Cache struct {
	resolver *Resolver
	ids      *lru.Cache[uint64, uint64]   // kernel hash -> stack id
	seen     *lru.Cache[uint64, struct{}] // stack ids handed out
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
	return &Cache{resolver: r, ids: ids, seen: seen}, nil
}

// Intern gives the stack id of a kernel-side hash, and the stack itself the first time it is met: publish it then. frames
// is asked only for a hash that is not known; where it has no frames, or hash is 0, the id is 0: no stack.
func (c *Cache) Intern(hash uint64, frames func() ([]uint64, bool)) (id uint64, isNew *schema.Stack) {
	if hash == 0 {
		return 0, nil
	}
	if id, ok := c.ids.Get(hash); ok {
		return id, nil
	}
	addresses, ok := frames()
	if !ok {
		return 0, nil
	}
	stack := c.resolver.Stack(addresses)
	if len(stack.Frames) == 0 {
		return 0, nil
	}
	c.ids.Add(hash, stack.ID)
	if known, _ := c.seen.ContainsOrAdd(stack.ID, struct{}{}); known {
		return stack.ID, nil
	}
	return stack.ID, &stack
}
