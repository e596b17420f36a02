// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// streamNumbers is struct stream of maps.h.
type streamNumbers struct {
	Seq, Conns uint64
}

// NextSeqs gives the next number of each stream that was ever used. A lower
// number was taken before the call; its record may still be on its way into the
// ring, in it, or lost.
func (c *Capture) NextSeqs() (map[uint32]uint64, error) {
	if c.collection == nil {
		return nil, ErrNotStarted
	}
	next := map[uint32]uint64{}
	for level := range uint32(bpf.Levels) {
		var perCPU []streamNumbers
		if err := c.collection.Maps["streams"].Lookup(level, &perCPU); err != nil {
			return nil, fmt.Errorf("read the streams of level %d: %w", level, err)
		}
		for cpu, numbers := range perCPU {
			if numbers.Seq > 0 {
				next[uint32(cpu)*bpf.Levels+level] = numbers.Seq
			}
		}
	}
	return next, nil
}

// Totals are counts that only grow, of records that never got a number or lost it, by the names of schema.Totals: those of the
// hooks, and for each program the runs that the kernel skipped because the program was running on that CPU.
func (c *Capture) Totals() (map[string]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.totals()
}

func (c *Capture) totals() (map[string]uint64, error) {
	if c.collection == nil {
		return nil, ErrNotStarted
	}
	totals := map[string]uint64{}
	for slot, name := range bpf.TotalNames() {
		total, err := c.total(slot)
		if err != nil {
			return nil, err
		}
		totals[name] = total
	}
	for name, program := range c.collection.Programs {
		stats, err := program.Stats()
		if err != nil {
			return nil, fmt.Errorf("read the statistics of %s: %w", name, err)
		}
		totals[schema.TotalRecursionMisses+name] = stats.RecursionMisses
	}
	return totals, nil
}

// LostResets counts the reset_sent events so far that found no room in the ring buffer.
func (c *Capture) LostResets() (uint64, error) {
	return c.total(bpf.TotalLost + bpf.Total(bpf.KindResetSent))
}

// total reads one of the counts.
func (c *Capture) total(slot bpf.Total) (uint64, error) {
	if c.collection == nil {
		return 0, ErrNotStarted
	}
	var perCPU []uint64
	if err := c.collection.Maps["totals"].Lookup(uint32(slot), &perCPU); err != nil {
		return 0, fmt.Errorf("read the total %s: %w", bpf.TotalNames()[slot], err)
	}
	sum := uint64(0)
	for _, count := range perCPU {
		sum += count
	}
	return sum, nil
}
