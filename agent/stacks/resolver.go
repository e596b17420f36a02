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

// Reading /proc/kallsyms costs about a tenth of a second of CPU: once in firstPause, and ever less often while it helps
// nothing.
const (
	firstPause = 5 * time.Second
	lastPause  = 10 * time.Minute
)

// Resolver knows where the kernel's code lies. It is safe for concurrent use.
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

// Read reads /proc/kallsyms and the build ids. Call it once the programs are attached, and whenever modules came or went;
// an address that is not known reads again by itself. The error is that of Readable: nothing else fails by it. What an
// earlier reading found stays where this one may not look any more.
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

// Size is what the symbols take in memory: their number, and bytes.
func (r *Resolver) Size() (symbols, bytes int) { return r.current.Load().size() }

// Table gives the text symbols of a build by offset, and the module's name; false where no such code is loaded now.
func (r *Resolver) Table(buildID string) (module string, symbols []schema.Symbol, ok bool) {
	t := r.current.Load()
	m := t.module(buildID)
	if m == nil {
		return "", nil, false
	}
	return m.name, t.symbols(m), true
}

// Symbol names an address for a person: function, distance in it, module.
func (r *Resolver) Symbol(addr uint64) (name string, offset uint64, module string, ok bool) {
	t := r.current.Load()
	m := t.find(addr)
	if m == nil {
		return "", 0, "", false
	}
	name, offset, ok = t.nearest(m, addr)
	return name, offset, m.name, ok
}

// Names gives the frames of a stack as a person reads them, "function+distance"; in hex the address, or the distance in
// its module, that has no name.
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

// Stack makes a stack of kernel addresses, innermost first; a 0 ends them. The leading frames of our own BPF programs are
// left out. What cannot be placed, or may be somebody else's by now, has no build id and its raw address.
func (r *Resolver) Stack(frames []uint64) schema.Stack {
	s, _ := r.place(frames, nil)
	return s
}

// place makes a stack and gives the table to wait for another one than, nil where the stack is final. before is the table
// when the frames were taken.
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

// doubt says what of a table may be wrong for some frames.
type doubt int

const (
	nothing  doubt = iota
	missing        // an address that is in no module
	programs       // somebody's BPF program, and the table may be older: addresses are reused
	modules        // modules came or went
)

// of reports whether what the table says of a module may not be used. vmlinux stays where it is.
func (d doubt) of(m *module) bool { return d == modules && m.name != schema.ModuleKernel }

// doubt looks for the gravest reason why the table may place these frames wrongly or not at all. before is the table when
// they were taken, nil for t.
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

// due reports whether kallsyms may be read again by now.
func (r *Resolver) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Sub(r.read) >= r.pause
}

// again reads again where that is allowed by now, and gives the table to use and what is doubtful about it still.
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
