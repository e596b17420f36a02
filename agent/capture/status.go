// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
)

// Status is what the kernel holds for this agent, as bpftool would show it.
type Status struct {
	Programs []ProgramStatus   `json:"programs"`
	Maps     []MapStatus       `json:"maps"`
	Counters map[string]uint64 `json:"counters"`
	Features Features          `json:"features"`
}

// ProgramStatus is one hook. Run count and time stay 0 unless the kernel
// collects BPF statistics (sysctl kernel.bpf_stats_enabled=1).
type ProgramStatus struct {
	Name            string        `json:"name"`
	Type            string        `json:"type"`
	AttachPoint     string        `json:"attach_point"`
	Attached        bool          `json:"attached"`
	Why             string        `json:"why,omitempty"` // it is not attached
	ID              uint32        `json:"id,omitempty"`
	Tag             string        `json:"tag,omitempty"`
	Instructions    int           `json:"instructions,omitempty"` // after the verifier
	JitedBytes      uint32        `json:"jited_bytes,omitempty"`
	Memory          uint64        `json:"memory,omitempty"` // bytes
	RunCount        uint64        `json:"run_count"`
	RunTime         time.Duration `json:"run_time_ns"`
	RecursionMisses uint64        `json:"recursion_misses"`
}

// The reasons for a program not to be attached that say nothing about the kernel.
const (
	notEnabled = "not enabled"
	ranOnce    = "ran once at the start"
)

// Missing lists the programs that should be attached and are not, each with its tracepoint and the reason.
func (s *Status) Missing() []string {
	var missing []string
	for _, p := range s.Programs {
		if !p.Attached && p.Why != notEnabled && p.Why != ranOnce {
			missing = append(missing, fmt.Sprintf("%s: %s", p.AttachPoint, p.Why))
		}
	}
	return missing
}

// MapStatus is one map. InUse counts entries (of the ring: bytes not yet read);
// nil if the map has no such count.
type MapStatus struct {
	Name       string  `json:"name"`
	Type       string  `json:"type"`
	ID         uint32  `json:"id"`
	KeySize    uint32  `json:"key_size"`
	ValueSize  uint32  `json:"value_size"`
	MaxEntries uint32  `json:"max_entries"`
	InUse      *uint64 `json:"in_use,omitempty"`
	Memory     uint64  `json:"memory"` // bytes
}

// Status asks the kernel. It walks the state map, so it is for people, not for
// a tight loop.
func (c *Capture) Status() (Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.collection == nil {
		return Status{}, ErrNotStarted
	}
	counters, err := c.totals()
	if err != nil {
		return Status{}, err
	}
	status := Status{Counters: counters, Features: c.features}
	for _, h := range slices.Concat(hooks, iterators) {
		program, err := c.programStatus(h)
		if err != nil {
			return Status{}, err
		}
		status.Programs = append(status.Programs, program)
	}
	for name, m := range c.collection.Maps {
		entry, err := c.mapStatus(name, m)
		if err != nil {
			return Status{}, err
		}
		status.Maps = append(status.Maps, entry)
	}
	slices.SortFunc(status.Maps, func(a, b MapStatus) int { return strings.Compare(a.Name, b.Name) })
	return status, nil
}

func (c *Capture) programStatus(h hook) (ProgramStatus, error) {
	status := ProgramStatus{Name: h.program, Type: "tp_btf", AttachPoint: h.attachPoint(), Why: c.skipped[h.program]}
	program, loaded := c.collection.Programs[h.program]
	if !loaded {
		return status, nil
	}
	info, err := program.Info()
	if err != nil {
		return status, fmt.Errorf("ask about program %s: %w", h.program, err)
	}
	stats, err := program.Stats()
	if err != nil {
		return status, fmt.Errorf("ask about program %s: %w", h.program, err)
	}
	if id, ok := info.ID(); ok {
		status.ID = uint32(id)
	}
	switch {
	case h == seeder && status.Why == "":
		status.Why = ranOnce
	case h == lister:
		status.Attached = c.lister != nil
	case h == sweeper:
		status.Attached = c.sweeper != nil
	case h != seeder:
		status.Attached = len(c.links) > 0
		if !status.Attached {
			status.Why = "detached"
		}
	}
	status.Tag = info.Tag
	if bytes, err := info.TranslatedSize(); err == nil { // absent if the kernel restricts it
		status.Instructions = bytes / 8
	}
	if bytes, err := info.JitedSize(); err == nil {
		status.JitedBytes = bytes
	}
	status.Memory, _ = info.Memlock()
	status.RunCount, status.RunTime, status.RecursionMisses = stats.RunCount, stats.Runtime, stats.RecursionMisses
	return status, nil
}

func (c *Capture) mapStatus(name string, m *ebpf.Map) (MapStatus, error) {
	info, err := m.Info()
	if err != nil {
		return MapStatus{}, fmt.Errorf("ask about map %s: %w", name, err)
	}
	status := MapStatus{
		Name: name, Type: m.Type().String(),
		KeySize: m.KeySize(), ValueSize: m.ValueSize(), MaxEntries: m.MaxEntries(),
	}
	if id, ok := info.ID(); ok {
		status.ID = uint32(id)
	}
	status.Memory, _ = info.Memlock()
	switch m.Type() {
	case ebpf.RingBuf:
		used := uint64(c.reader.AvailableBytes())
		status.InUse = &used
	case ebpf.Hash:
		used, err := entries(m)
		if err != nil {
			return status, fmt.Errorf("count the entries of map %s: %w", name, err)
		}
		status.InUse = &used
	}
	return status, nil
}

// entries walks a hash in batches; entries that come and go meanwhile may be
// missed, none is counted twice.
func entries(m *ebpf.Map) (uint64, error) {
	const chunk = 1024
	keys, values := slots(chunk, m.KeySize()), slots(chunk, m.ValueSize())
	var cursor ebpf.MapBatchCursor
	total := uint64(0)
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		total += uint64(n)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// slots makes a slice of n byte arrays, the form that batch lookups want.
func slots(n int, size uint32) any {
	array := reflect.ArrayOf(int(size), reflect.TypeFor[byte]())
	return reflect.MakeSlice(reflect.SliceOf(array), n, n).Interface()
}
