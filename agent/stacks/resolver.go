// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"tcpledger/schema"
)

// Reading /proc/kallsyms costs about a tenth of a second of CPU. The pause between two readings is firstPause; it doubles, up
// to lastPause, while a reading settles no doubt.
const (
	firstPause = 5 * time.Second
	lastPause  = 10 * time.Minute
)

// Resolver knows the addresses of the kernel's code. It is safe for concurrent use.
type Resolver struct {
	root    fs.FS
	current atomic.Pointer[table]
	modules atomic.Uint64 // loadedModules.hash that current was read with

	mu     sync.Mutex // held while reading
	reason error
	read   time.Time
	pause  time.Duration
	now    func() time.Time
}

// NewResolver makes a resolver that knows nothing until Read. root is the host's file system ("proc/…", "sys/…").
func NewResolver(root fs.FS) *Resolver {
	r := &Resolver{root: root, reason: fmt.Errorf("kallsyms: not read yet"), pause: firstPause, now: time.Now}
	r.current.Store(&table{})
	return r
}

// Read reads /proc/kallsyms and the build ids. Call it once the programs are attached; the resolver reads again by itself
// when an address is not known or modules changed. The error is that of Readable: nothing else fails by it. If this reading
// fails, the symbols of an earlier one stay in use.
func (r *Resolver) Read() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readLocked()
}

func (r *Resolver) readLocked() error {
	loaded := readModules(r.root)
	t, err := r.build(loaded)
	r.read = r.now()
	if err != nil {
		if len(r.current.Load().modules) == 0 {
			r.reason = err
		}
		return err
	}
	r.reason = nil
	r.modules.Store(loaded.hash)
	r.current.Store(t)
	return nil
}

func (r *Resolver) build(loaded loadedModules) (*table, error) {
	f, err := r.root.Open("proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("kallsyms: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	k, err := readKallsyms(f)
	if err != nil {
		return nil, err
	}
	id := identity{
		note: func(module string) string { return noteOf(r.root, module) },
		kernel: string(readBounded(r.root, "proc/sys/kernel/osrelease", page)) +
			string(readBounded(r.root, "proc/sys/kernel/version", page)),
	}
	return k.table(id, func(module string) bool { return loaded.unsettled[module] }), nil
}

// Readable is nil when addresses become (build id, offset), else why they stay raw.
func (r *Resolver) Readable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// Size gives the number of symbols and the bytes that they take in memory.
func (r *Resolver) Size() (symbols, bytes int) { return r.current.Load().size() }

// Table gives the text symbols of a build by offset, and the module's name; false if no such code is loaded now.
func (r *Resolver) Table(buildID string) (module string, symbols []schema.Symbol, ok bool) {
	t := r.current.Load()
	m := t.module(buildID)
	if m == nil {
		return "", nil, false
	}
	return m.name, t.symbols(m), true
}

// Names gives the frames of a stack for a person: "function+distance". A frame without a name is its address, or its distance
// in the module, in hex.
func (r *Resolver) Names(s *schema.Stack) []string {
	t := r.current.Load()
	names := make([]string, len(s.Frames))
	for i, f := range s.Frames {
		names[i] = fmt.Sprintf("%#x", f.Offset)
		m := t.module(f.BuildID)
		if m == nil {
			continue
		}
		if name, offset, ok := t.nearest(m, m.base+f.Offset); ok {
			names[i] = fmt.Sprintf("%s+%d", name, offset)
		}
	}
	return names
}

// place makes a stack of kernel addresses, innermost first; a 0 ends them. The leading frames of our own BPF programs are cut.
// An address in no known module, or in a module that may have changed, gets no build id and stays raw. wait is nil if the
// stack is final; else place again once the table is another than wait. before is the table that the frames were placed with
// the last time, nil the first time.
func (r *Resolver) place(frames []uint64, before *table) (s schema.Stack, wait *table) {
	frames = trimZeros(frames)
	t, doubt := r.current.Load(), nothing
	if len(t.modules) > 0 {
		if doubt = r.doubt(t, frames, before); doubt != nothing {
			t, doubt = r.again(frames, doubt)
		}
	}
	if doubt != nothing {
		wait = t
	}
	frames = frames[t.ownFrames(frames):]
	s.Frames = make([]schema.Frame, len(frames))
	for i, addr := range frames {
		s.Frames[i] = schema.Frame{Offset: addr}
		if m := t.find(addr); m != nil && !doubt.of(m) {
			s.Frames[i] = schema.Frame{Module: m.name, BuildID: m.buildID, Offset: addr - m.base}
		}
	}
	s.ID = schema.StackID(s.Frames)
	return s, wait
}

func trimZeros(frames []uint64) []uint64 {
	for i, addr := range frames {
		if addr == 0 {
			return frames[:i]
		}
	}
	return frames
}

// doubt says why a table may be wrong for some frames.
type doubt int

const (
	nothing  doubt = iota
	missing        // an address lies in no module
	programs       // an address lies in a BPF program, which may be newer than the table: addresses are reused
	modules        // modules were loaded or unloaded
)

// of reports whether the table's place of a module may be wrong. vmlinux never moves.
func (d doubt) of(m *module) bool { return d == modules && m.name != schema.ModuleKernel }

// doubt gives the gravest reason why the table may place these frames wrongly or not at all. before is place's.
func (r *Resolver) doubt(t *table, frames []uint64, before *table) doubt {
	found := nothing
	for _, addr := range frames[t.ownFrames(frames):] {
		switch m := t.find(addr); {
		case m == nil:
			found = max(found, missing)
		case m.name == schema.ModuleBPF && (before == nil || before == t):
			found = max(found, programs)
		}
	}
	if readModules(r.root).hash != r.modules.Load() {
		found = modules
	}
	return found
}

// due reports whether the pause between two readings of kallsyms is over.
func (r *Resolver) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.read) >= r.pause
}

// again reads kallsyms again if the pause is over, and gives the table to use and the doubt that is left.
func (r *Resolver) again(frames []uint64, d doubt) (*table, doubt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now().Sub(r.read) < r.pause {
		return r.current.Load(), d
	}
	if r.readLocked() == nil {
		d = nothing
	}
	t := r.current.Load()
	if unknown(t, frames) {
		d = max(d, missing)
	}
	if d == nothing {
		r.pause = firstPause
	} else {
		r.pause = min(2*r.pause, lastPause)
	}
	return t, d
}

func unknown(t *table, frames []uint64) bool {
	for _, addr := range frames {
		if t.find(addr) == nil {
			return true
		}
	}
	return false
}
