// SPDX-License-Identifier: Apache-2.0

// Package capture loads the hooks, attaches them and reads what they write.
//
// It is the only part of the agent that talks to the kernel about BPF. What a
// record means is decided by the stages after it.
package capture

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// ErrNotStarted is returned by methods that need the kernel side, before Start.
var ErrNotStarted = errors.New("capture is not started")

// ErrNotAttached is the health of a capture whose hooks are not, or no longer, in the kernel.
var ErrNotAttached = errors.New("the hooks are not attached")

// Capture is one life of the kernel-side maps: a session. It is for one goroutine, but for Err, Status and Totals, which may
// be called from any at any time.
type Capture struct {
	config       Config
	features     Features
	skipped      map[string]string // program to why it is not attached
	spec         *ebpf.CollectionSpec
	layout       layout
	dropReasons  reasons
	resetReasons reasons

	mu         sync.Mutex // held while collection or links change, and by Err, Status and Totals
	collection *ebpf.Collection
	links      []attachment
	pinned     string     // the folder of the pins, "" for none
	ended      bool       // Detach was called
	lister     *link.Iter // nil: listeners are not counted
	sweeper    *link.Iter // nil: nor the ends of handshakes
	reader     *ringbuf.Reader
	raw        ringbuf.Record
	sweep      sweepBuffers
	names      bpf.Names
}

// New checks the configuration, privileges and the kernel, and prepares what Start loads. Its errors are one line that says
// what to do; those about the machine wrap ErrPrivileges, ErrNoBTF, ErrNoRingBuffer, ErrForbidden, ErrPIDNamespace or
// ErrClock. Nothing has to be closed after it.
func New(config Config) (*Capture, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if err := checkMachine(); err != nil {
		return nil, err
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBTF, err)
	}
	found, err := probe(kernel)
	if err != nil {
		return nil, err
	}
	c := &Capture{
		config:       config,
		dropReasons:  readReasons(kernel, "skb_drop_reason", "SKB_DROP_REASON_", "SKB_"),
		resetReasons: readReasons(kernel, "sk_rst_reason", "SK_RST_REASON_"),
	}
	found.DropReasons, found.ResetReasons = len(c.dropReasons), len(c.resetReasons)
	if c.spec, err = prepare(config, &found); err != nil {
		return nil, err
	}
	c.features = found
	if c.skipped, err = selectHooks(c.spec, kernel, config.Kinds); err != nil {
		return nil, err
	}
	if c.layout, err = layoutOf(c.spec, constants(config, found)); err != nil {
		return nil, err
	}
	return c, nil
}

// Load does the part of Start that takes long. After an error nothing is left behind.
func (c *Capture) Load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

func (c *Capture) load() error {
	if c.collection != nil {
		return nil
	}
	collection, err := load(c.spec, c.skipped)
	if err != nil {
		return err
	}
	c.collection, c.spec = collection, nil
	return nil
}

// Start loads and attaches. A tracepoint that this kernel lacks is skipped and
// listed in Status, unless nothing works without it. After an error nothing is
// left behind.
func (c *Capture) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return errors.Join(err, c.close())
	}
	return nil
}

// Err is a health check: ErrNotAttached before Start and after Detach.
func (c *Capture) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.links) == 0 {
		return ErrNotAttached
	}
	return nil
}

func (c *Capture) open() error {
	if err := c.openRing(); err != nil {
		return err
	}
	if err := c.fillFilters(); err != nil {
		return err
	}
	var err error
	if c.links, err = attach(c.collection.Programs); err != nil {
		return err
	}
	if err := c.openLister(); err != nil {
		c.skipped[lister.program] = err.Error()
	}
	if program, loaded := c.collection.Programs[seeder.program]; loaded {
		if err := seed(program); err != nil { // older connections then have no owner at first
			c.skipped[seeder.program] = err.Error()
		}
	}
	return nil
}

func (c *Capture) openRing() (err error) {
	if c.reader, err = ringbuf.NewReader(c.collection.Maps["ring"]); err != nil {
		return fmt.Errorf("open the ring buffer: %w", err)
	}
	c.rearm()
	return nil
}

// fillFilters gives the hooks the processes that are left out and the drop reasons that are ignored, in place of those of an
// earlier run.
func (c *Capture) fillFilters() error {
	var pids []uint32
	for _, pid := range c.config.OwnPIDs {
		pids = append(pids, uint32(pid))
	}
	if err := setKeys(c.collection.Maps["own_pids"], pids); err != nil {
		return fmt.Errorf("exclude processes: %w", err)
	}
	if err := setKeys(c.collection.Maps["ignored_drops"], c.ignoredDrops()); err != nil {
		return fmt.Errorf("ignore drop reasons: %w", err)
	}
	return nil
}

// setKeys makes these the keys of a map. Those that go leave first, so that the rest has room.
func setKeys(m *ebpf.Map, wanted []uint32) error {
	var key uint32
	var value uint8
	var stale []uint32
	entries := m.Iterate()
	for entries.Next(&key, &value) {
		if !slices.Contains(wanted, key) {
			stale = append(stale, key)
		}
	}
	if err := entries.Err(); err != nil {
		return err
	}
	for _, key := range stale {
		if err := m.Delete(key); err != nil {
			return fmt.Errorf("remove %d: %w", key, err)
		}
	}
	for _, key := range wanted {
		if err := m.Put(key, uint8(1)); err != nil {
			return fmt.Errorf("add %d: %w", key, err)
		}
	}
	return nil
}

func (c *Capture) ignoredDrops() []uint32 {
	names := c.config.IgnoredDrops
	if slices.Equal(names, DefaultIgnoredDrops()) && c.features.SendResetArgs >= 3 { // the reset that answers is reported
		names = append(slices.Clone(names), "NO_SOCKET")
	}
	var numbers []uint32
	for _, name := range names {
		if number, ok := c.dropReasons.number(name); ok {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func (c *Capture) rearm() { c.reader.SetDeadline(time.Now().Add(c.config.Deadline)) }

// Read decodes the next record into rec, which holds no reference to the ring.
// os.ErrDeadlineExceeded: the ring was empty for the deadline, call again;
// os.ErrClosed: after Close. An error that wraps bpf.ErrMalformed spoils only
// the one record.
func (c *Capture) Read(rec *bpf.Record) error {
	if c.reader == nil {
		return ErrNotStarted
	}
	err := c.reader.ReadInto(&c.raw)
	switch {
	case err == nil:
		return bpf.Decode(c.raw.RawSample, rec)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.rearm()
		return os.ErrDeadlineExceeded
	case errors.Is(err, os.ErrClosed):
		return err
	default:
		return fmt.Errorf("read the ring buffer: %w", err)
	}
}

// WatchesResets reports whether every reset that a connection sends is recorded or counted as lost.
func (c *Capture) WatchesResets() bool {
	return c.config.Kinds[bpf.KindResetSent] && c.skipped["on_reset_sent"] == ""
}

// Detach stops the hooks and leaves maps and ring readable, so that an agent
// that ends can read the ring to its end (until os.ErrDeadlineExceeded) and take
// the last NextSeqs and Totals: no hook is running any more when it returns.
// It ends a pinned session.
func (c *Capture) Detach() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return c.detach()
}

func (c *Capture) detach() error {
	if len(c.links) == 0 {
		return nil
	}
	slices.SortStableFunc(c.links, func(a, b attachment) int { return a.detachOrder() - b.detachOrder() })
	errs := []error{c.unpinLinks()}
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	c.links = nil
	return errors.Join(append(errs, gracePeriod())...)
}

// gracePeriod waits until every program that was running has returned.
func gracePeriod() error {
	const global = 1 // MEMBARRIER_CMD_GLOBAL
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
	if errno != 0 && errno != unix.ENOSYS && errno != unix.EINVAL { // not built in
		return fmt.Errorf("wait for running hooks: %w", errno)
	}
	return nil
}

// Close detaches first, so that nothing writes any more; then ends Read; then
// frees programs and maps, with which NextSeqs, Totals and stacks go too. A Read
// may be under way meanwhile, on another goroutine. What is pinned goes on and
// stays, unless Detach was called before: then the pins go too.
func (c *Capture) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.close()
}

func (c *Capture) close() error {
	end := c.detach
	if c.pinned != "" && !c.ended {
		end = c.letGo
	}
	err := end()
	if c.reader != nil {
		err = errors.Join(err, c.reader.Close())
	}
	err = errors.Join(err, c.closeLister())
	if c.collection != nil {
		c.collection.Close()
		c.collection = nil
	}
	if c.pinned != "" && c.ended {
		err = errors.Join(err, removePins(c.pinned))
	}
	c.pinned = ""
	return err
}
