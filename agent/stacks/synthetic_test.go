// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

const (
	kernelID = "85c7e4e2ed76f4417e8aaad7c6b040d2bb897a26"
	moduleID = "00112233445566778899aabbccddeeff00112233"
	ownTag   = "0123456789abcdef"
	otherTag = "fedcba9876543210"
)

// where says at which addresses a synthetic kernel lies: KASLR moves vmlinux and modules apart from each other.
type where struct{ kernel, module, bare, bpf uint64 }

var (
	here      = where{0xffffffff81000000, 0xffffffffc0400000, 0xffffffffc0500000, 0xffffffffa0000000}
	elsewhere = where{0xffffffff9e200000, 0xffffffffc0c50000, 0xffffffffc0123000, 0xffffffffc1000000}
)

// symbolsOf lists a small kernel: vmlinux, a module with a build id, one without, and two BPF programs.
func (w where) symbolsOf() string {
	var b strings.Builder
	line := func(addr uint64, kind, name string) { fmt.Fprintf(&b, "%016x %s %s\n", addr, kind, name) }
	line(0, "A", "fixed_percpu_data")
	line(w.kernel-0x10000, "T", "_text")
	line(w.kernel, "T", "zz_first")
	line(w.kernel, "T", "_stext")
	line(w.kernel+0x100, "T", "tcp_close")
	line(w.kernel+0x200, "t", "tcp_v4_do_rcv.isra.0")
	line(w.kernel+0x300, "W", "bpf_trace_run4")
	line(w.kernel+0x400, "T", "__traceiter_inet_sock_set_state")
	line(w.kernel+0x480, "d", "some_data")
	line(w.kernel+0x500, "T", "entry_SYSCALL_64_after_hwframe")
	line(w.kernel+0x600, "D", "_etext")
	line(w.module+0x80, "t", "second\t[e1000]")
	line(w.module, "t", "first\t[e1000]")
	line(w.module+0x4000, "d", "table\t[e1000]")
	line(w.bare, "T", "bare_init\t[bare]")
	line(w.bpf, "t", "bpf_prog_"+ownTag+"_on_state\t[bpf]")
	line(w.bpf+0x400, "t", "bpf_prog_"+otherTag+"_of_others\t[bpf]")
	line(w.bpf+0x800, "t", "bpf_trampoline_6442488131\t[bpf]")
	return b.String()
}

func note(kind uint32, name string, desc []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(name)+1))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(desc)))
	b = binary.NativeEndian.AppendUint32(b, kind)
	b = append(append(b, name...), make([]byte, 1+(3-len(name)%4))...)
	return append(append(b, desc...), make([]byte, (4-len(desc)%4)%4)...)
}

func gnuNote(t testing.TB, id string) []byte {
	desc, err := hex.DecodeString(id)
	require.NoError(t, err)
	return note(noteGNU, "GNU", desc)
}

// hostFiles is the part of a host's file system that the resolver reads.
func hostFiles(t testing.TB, w where) fstest.MapFS {
	return fstest.MapFS{
		"proc/kallsyms":                             {Data: []byte(w.symbolsOf())},
		"proc/modules":                              {Data: []byte("e1000 180224 0 - Live 0x0\nbare 16384 0 - Live 0x0\n")},
		"proc/sys/kernel/osrelease":                 {Data: []byte("6.18.44\n")},
		"proc/sys/kernel/version":                   {Data: []byte("#1 SMP\n")},
		"sys/kernel/notes":                          {Data: append(note(6, "Xen", []byte{1, 2, 3}), gnuNote(t, kernelID)...)},
		"sys/module/e1000/notes/.note.gnu.build-id": {Data: gnuNote(t, moduleID)},
	}
}

func readResolver(t testing.TB, files fs.FS) *Resolver {
	r := NewResolver(files)
	require.Error(t, r.Readable(), "nothing is known before the first reading")
	require.NoError(t, r.Read())
	require.NoError(t, r.Readable())
	return r
}

// placed gives the stack of these addresses.
func placed(r *Resolver, frames []uint64) schema.Stack {
	s, _ := r.place(frames, nil)
	return s
}

// symbolOf names an address: function, distance in it, module.
func symbolOf(r *Resolver, addr uint64) (name string, offset uint64, module string, ok bool) {
	t := r.current.Load()
	m := t.find(addr)
	if m == nil {
		return "", 0, "", false
	}
	name, offset, ok = t.nearest(m, addr)
	return name, offset, m.name, ok
}
