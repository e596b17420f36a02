// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
	"time"

	"tcpledger/bpf"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// Config says what is captured and within which bounds. An agent without flags runs with DefaultConfig.
type Config struct {
	// RingBytes is the size of the ring buffer: a power of two, whole pages.
	RingBytes text.Size
	// StateEntries bounds the connections known at a time, 272 bytes each.
	StateEntries int
	// StackEntries bounds the distinct stacks kept between two sweeps, 456 bytes each.
	StackEntries int
	// Kinds are the kinds that are captured.
	Kinds map[bpf.Kind]bool
	// Budgets are records a second and CPU; a kind with 0, or that is not named, has no budget. Resets of full sockets are
	// exempt.
	Budgets map[bpf.Kind]int
	// StacksPerSecond is the budget of stacks a second and CPU; below 0 there is none.
	StacksPerSecond int
	// IgnoredDrops are drop reasons by the kernel's names, whose drops are left out. A name that this kernel lacks is skipped.
	// NO_SOCKET joins DefaultIgnoredDrops if the kernel reports the reset that answers such a packet.
	IgnoredDrops []string
	// OwnPIDs are processes whose connections are left out, and counted.
	OwnPIDs []int
	// Deadline is how long Read waits while there is nothing to read.
	Deadline time.Duration
}

const (
	maxRingBytes = text.Size(1 << 30)
	// maxEntries is the most that a hash map of the kernel takes: its buckets of 16 bytes must stay below 4 GiB.
	maxEntries = 1 << 27
)

// ringBytesMin is the kernel's page.
func ringBytesMin() text.Size { return text.Size(os.Getpagesize()) }

// Bounds are the bounds of the configuration in words, by flag.
func Bounds() map[string]string {
	least, most := ringBytesMin(), maxRingBytes
	return map[string]string{
		"ring-bytes":        fmt.Sprintf("a power of two from %s to %s", &least, &most),
		"state-entries":     fmt.Sprintf("1 to %d", maxEntries),
		"stack-entries":     fmt.Sprintf("1 to %d", maxEntries),
		"stacks-per-second": "at least 1, or -1 for no limit",
		"own-pid":           "at least 1",
	}
}

// DefaultConfig is the configuration without flags.
func DefaultConfig() Config {
	c := Config{
		RingBytes:       16 << 20,
		StateEntries:    1 << 19,
		StackEntries:    16384,
		Kinds:           map[bpf.Kind]bool{},
		Budgets:         map[bpf.Kind]int{},
		StacksPerSecond: 1000,
		IgnoredDrops:    DefaultIgnoredDrops(),
		Deadline:        50 * time.Millisecond,
	}
	for _, kind := range schema.CaptureKinds() {
		c.Kinds[bpf.Kind(kind)] = kind.OnByDefault()
		c.Budgets[bpf.Kind(kind)] = kind.Budget()
	}
	return c
}

// KernelBytes is the most that the kernel takes for the maps of this configuration, all of them full.
func (c *Config) KernelBytes() uint64 {
	const (
		bucket  = 16
		conn    = 256       // an entry of conns, in the kernel's allocation of that size
		stack   = 440       // an entry of stacks
		ofRing  = 128 << 10 // the ring's pages twice in the page table, and its own
		names   = 9 << 20   // the paths of cgroups and executables
		another = 2 << 20   // the other maps and the programs
	)
	return uint64(c.RingBytes) + ofRing +
		hashBuckets(c.StateEntries)*bucket + uint64(c.StateEntries)*conn +
		hashBuckets(c.StackEntries)*bucket + uint64(c.StackEntries)*stack + names + another
}

// hashBuckets is how many buckets the kernel gives to a hash map: the next power of two.
func hashBuckets(entries int) uint64 { return 1 << bits.Len64(uint64(max(entries, 1)-1)) }

// DefaultIgnoredDrops are the reasons that are no loss: ordinary ends of a packet's life that the kernel frees with kfree_skb.
func DefaultIgnoredDrops() []string {
	return []string{
		"NOT_SPECIFIED", "TCP_OLD_DATA", "TCP_OFOMERGE", "QUEUE_PURGE", "TCP_RESET", "TCP_CLOSE",
	}
}

// Validate refuses a configuration that cannot be loaded. The error names the flag.
func (c *Config) Validate() error {
	switch {
	case c.RingBytes < ringBytesMin() || c.RingBytes > maxRingBytes || c.RingBytes&(c.RingBytes-1) != 0:
		return fmt.Errorf("--ring-bytes %s: %s", &c.RingBytes, Bounds()["ring-bytes"])
	case c.StateEntries < 1 || c.StateEntries > maxEntries:
		return fmt.Errorf("--state-entries %d: %s", c.StateEntries, Bounds()["state-entries"])
	case c.StackEntries < 1 || c.StackEntries > maxEntries:
		return fmt.Errorf("--stack-entries %d: %s", c.StackEntries, Bounds()["stack-entries"])
	case c.StacksPerSecond == 0:
		return fmt.Errorf("--stacks-per-second 0: %s", Bounds()["stacks-per-second"])
	case c.Deadline <= 0:
		return fmt.Errorf("a deadline of %s: above 0s", c.Deadline)
	}
	if i := slices.IndexFunc(c.OwnPIDs, func(pid int) bool { return pid < 1 }); i >= 0 {
		return fmt.Errorf("--own-pid %d: %s", c.OwnPIDs[i], Bounds()["own-pid"])
	}
	for kind, n := range c.Budgets {
		if n < 0 {
			return fmt.Errorf("--budget %s=%d: at least 0", schema.Kind(kind), n)
		}
	}
	return nil
}
