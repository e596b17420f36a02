// SPDX-License-Identifier: Apache-2.0

package schema

import "math"

// Meta is a message of the meta topic: what changes rarely. It says which host the session ran on, or what stacks are.
type Meta struct {
	Host          string
	BootID        string
	Session       uint64
	Run           uint64
	At            int64 // nanoseconds since 1970
	KernelRelease string
	Agent         HostFacts
	Stacks        []Stack
}

// HostFacts describes the host and its agent; AgentVersion is "" if the message only carries stacks.
type HostFacts struct {
	AgentVersion string
	Machine      string // uname -m
	CPUs         uint32
	Symbols      uint8 // 1: symbol addresses could be read
	Kinds        []string
	Missing      []string // probes that did not attach, with the reason
	MachineID    string   // a hash of /etc/machine-id as a UUID; "" if the host has none
}

// Stack is one deduplicated stack, outermost frame last.
type Stack struct {
	ID     uint64
	User   uint8 // 1: a user stack
	Frames []Frame
}

// What Frame.Module is for code that is in no kernel module: vmlinux, and BPF programs.
const (
	ModuleKernel = "kernel"
	ModuleBPF    = "bpf"
)

// Frame is a place in a module: BuildID and Offset are the same on every host with that build. Module is "kernel", a kernel
// module's name, or "bpf". Without symbol addresses BuildID is empty and Offset the raw address.
type Frame struct {
	Module  string
	BuildID string
	Offset  uint64
}

const metaFields = 9

// metaStackFields: id, user, frames.
const metaStackFields = 3

// EncodeMeta makes the message of m.
func EncodeMeta(m *Meta) ([]byte, error) {
	w := newWriter()
	w.array(metaFields)
	w.uint(Version)
	w.str(m.Host)
	w.str(m.BootID)
	w.uint(m.Session)
	w.uint(m.Run)
	w.i64(&m.At)
	w.str(m.KernelRelease)
	w.array(countFields(m.Agent.visit))
	m.Agent.visit(w)
	w.array(len(m.Stacks))
	for i := range m.Stacks {
		w.stack(&m.Stacks[i])
	}
	return w.buf.Bytes(), w.err
}

func (w *writer) stack(s *Stack) {
	w.array(metaStackFields)
	w.uint(s.ID)
	w.uint(uint64(s.User))
	w.array(len(s.Frames))
	for _, f := range s.Frames {
		w.array(3)
		w.str(f.Module)
		w.str(f.BuildID)
		w.uint(f.Offset)
	}
}

func (a *HostFacts) visit(c codec) {
	c.text(&a.AgentVersion)
	c.text(&a.Machine)
	c.u32(&a.CPUs)
	c.u8(&a.Symbols)
	c.texts(&a.Kinds, MaxTotals)
	c.texts(&a.Missing, MaxTotals)
	c.text(&a.MachineID)
}

// DecodeMeta reads a message of the meta topic; its error is ErrMalformed.
func DecodeMeta(message []byte) (*Meta, error) {
	r, n := openMessage(message, metaFields)
	m := &Meta{Host: r.str(), BootID: r.str(), Session: r.uint(math.MaxUint64), Run: r.uint(math.MaxUint64), At: r.int(),
		KernelRelease: r.str()}
	r.visit(r.array(math.MaxUint16), m.Agent.visit)
	for range r.array(MaxStacks) {
		m.Stacks = append(m.Stacks, r.stack())
		if r.err != nil {
			break
		}
	}
	r.closeMessage(n - metaFields)
	return m, r.err
}

// openMessage reads a message's array length and version.
func openMessage(message []byte, fields int) (*reader, int) {
	r := newReader()
	r.reset(message)
	if len(message) > MaxMessageBytes {
		r.fail("message of %d bytes: at most %d", len(message), MaxMessageBytes)
	}
	n := r.array(math.MaxUint16)
	version := r.uint(math.MaxUint32)
	if r.err == nil && (version != Version || n < fields) {
		r.fail("version %d with %d fields: version %d with at least %d expected", version, n, Version, fields)
	}
	return r, n
}

// closeMessage passes over what a newer version appended; the message ends there.
func (r *reader) closeMessage(fields int) {
	r.skip(fields)
	if r.err == nil && r.src.Len() > 0 {
		r.fail("%d bytes after the message", r.src.Len())
	}
}

func (r *reader) stack() Stack {
	n := r.array(math.MaxUint16)
	s := Stack{ID: r.uint(math.MaxUint64), User: uint8(r.uint(1))}
	for range r.array(MaxFrames) {
		fields := r.array(math.MaxUint16)
		s.Frames = append(s.Frames, Frame{Module: r.str(), BuildID: r.str(), Offset: r.uint(math.MaxUint64)})
		r.skip(fields - 3)
		if r.err != nil {
			return s
		}
	}
	r.skip(n - metaStackFields)
	return s
}
