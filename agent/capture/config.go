// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// ErrConfig is what errors about an impossible Config wrap.
var ErrConfig = errors.New("capture configuration")

// Config says what is captured and within which bounds. Zero values mean the
// default, unless a field says otherwise.
type Config struct {
	// RingBytes is the size of the ring buffer: a power of two, whole pages.
	RingBytes int
	// StateEntries bounds the connections known at a time (about 260 B each).
	StateEntries int
	// StackEntries bounds the distinct stacks kept between two sweeps.
	StackEntries int
	// Kinds turns kinds on or off; those not named keep their default.
	Kinds map[bpf.Kind]bool
	// Budgets are records per second and CPU; those not named keep their
	// default, 0 or less is no budget. Resets of full sockets are exempt.
	Budgets map[bpf.Kind]int
	// StacksPerSecond and CPU; less than 0 is no budget.
	StacksPerSecond int
	// IgnoreDropReasons are kernel names; nil means DefaultIgnoredDrops, empty
	// ignores none. A name this kernel lacks is skipped.
	IgnoreDropReasons []string
	// OwnPIDs are processes whose connections are left out, and counted.
	OwnPIDs []int
	// Deadline is how long Read waits while there is nothing to read.
	Deadline time.Duration
}

const (
	defaultRingBytes    = 8 << 20
	defaultStateEntries = 262144
	defaultStackEntries = 16384
	defaultStackRate    = 1000
	defaultDeadline     = 50 * time.Millisecond
)

// DefaultKinds gives the kinds that are captured by default, as the table of the kinds has them.
func DefaultKinds() map[bpf.Kind]bool {
	kinds := map[bpf.Kind]bool{}
	for _, kind := range schema.CaptureKinds() {
		kinds[bpf.Kind(kind)] = kind.OnByDefault()
	}
	return kinds
}

// defaultBudgets are the budgets of the table of the kinds. They hold back what a storm repeats without telling more.
func defaultBudgets() map[bpf.Kind]int {
	budgets := map[bpf.Kind]int{}
	for _, kind := range schema.CaptureKinds() {
		if kind.Budget() > 0 {
			budgets[bpf.Kind(kind)] = kind.Budget()
		}
	}
	return budgets
}

// DefaultIgnoredDrops are the reasons that are no loss: ordinary ends of a
// packet's life that the kernel frees with kfree_skb. NO_SOCKET is one of them if
// the kernel reports the reset that answers such a packet.
func DefaultIgnoredDrops() []string {
	return []string{
		"NOT_SPECIFIED", "TCP_OLD_DATA", "TCP_OFOMERGE", "QUEUE_PURGE", "TCP_RESET", "TCP_CLOSE",
	}
}

// normalize fills in defaults and refuses what cannot be loaded.
func (c Config) normalize() (Config, error) {
	for value, fallback := range map[*int]int{
		&c.RingBytes: defaultRingBytes, &c.StateEntries: defaultStateEntries,
		&c.StackEntries: defaultStackEntries, &c.StacksPerSecond: defaultStackRate,
	} {
		if *value == 0 {
			*value = fallback
		}
	}
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	c.Kinds = merge(DefaultKinds(), c.Kinds)
	c.Budgets = merge(defaultBudgets(), c.Budgets)
	if page := os.Getpagesize(); c.RingBytes < page || c.RingBytes&(c.RingBytes-1) != 0 {
		return c, fmt.Errorf("%w: ring of %d bytes, must be a power of two of at least %d", ErrConfig, c.RingBytes, page)
	}
	if c.StateEntries < 1 || c.StackEntries < 1 {
		return c, fmt.Errorf("%w: %d state and %d stack entries, must be positive", ErrConfig, c.StateEntries, c.StackEntries)
	}
	return c, nil
}

func merge[V any](defaults, given map[bpf.Kind]V) map[bpf.Kind]V {
	merged := make(map[bpf.Kind]V, len(defaults))
	for kind, value := range defaults {
		merged[kind] = value
	}
	for kind, value := range given {
		merged[kind] = value
	}
	return merged
}
