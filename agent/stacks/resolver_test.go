// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// closing is a stack as the kernel gives it to a program on a tracepoint: ours first, zeros last.
func (w where) closing() []uint64 {
	return []uint64{w.bpf + 0x33, w.kernel + 0x333, w.kernel + 0x444, w.kernel + 0x123, w.module + 0x85, w.bare + 0x10,
		w.bpf + 0x410, w.kernel + 0x501, 0, 0}
}

func TestStack(t *testing.T) {
	r := readResolver(t, hostFiles(t, here))
	s := placed(r, here.closing())
	bareID := s.Frames[2].BuildID
	require.Regexp(t, "^~[0-9a-f]{16}$", bareID)
	require.Equal(t, []schema.Frame{
		{Module: "kernel", BuildID: kernelID, Offset: 0x123},
		{Module: "e1000", BuildID: moduleID, Offset: 0x85},
		{Module: "bare", BuildID: bareID, Offset: 0x10},
		{Module: "bpf", BuildID: "bpf:" + otherTag, Offset: 0x10},
		{Module: "kernel", BuildID: kernelID, Offset: 0x501},
	}, s.Frames)
	require.Equal(t, schema.StackID(s.Frames), s.ID)
	require.Equal(t, []string{"tcp_close+35", "second+5", "bare_init+16", "bpf_prog_" + otherTag + "_of_others+16",
		"entry_SYSCALL_64_after_hwframe+1"}, r.Names(&s))
}

func TestStackIsTheSameWhereverTheKernelLies(t *testing.T) {
	one := placed(readResolver(t, hostFiles(t, here)), here.closing())
	other := placed(readResolver(t, hostFiles(t, elsewhere)), elsewhere.closing())
	require.Equal(t, one, other)

	rebuilt := hostFiles(t, here)
	rebuilt["proc/sys/kernel/version"] = &fstest.MapFile{Data: []byte("#2 SMP\n")}
	require.NotEqual(t, one.ID, placed(readResolver(t, rebuilt), here.closing()).ID, "a module without a note, of another build")
}

func TestOwnFramesAreCutByName(t *testing.T) {
	r := readResolver(t, hostFiles(t, here))
	want := []schema.Frame{{Module: "kernel", BuildID: kernelID, Offset: 0x123}}
	for name, own := range map[string][]uint64{
		"none":                        nil,
		"an older kernel":             {here.bpf, here.kernel + 0x301, here.kernel + 0x401, here.kernel + 0x402},
		"a trampoline":                {here.bpf + 1, here.bpf + 0x801},
		"a program the table lacks":   {here.bpf + 0x1000000, here.kernel + 0x301},
		"only the way from the probe": {here.kernel + 0x301},
	} {
		require.Equal(t, want, placed(r, append(own, here.kernel+0x123)).Frames, name)
	}
	unknown := placed(r, []uint64{0x1234, here.kernel + 0x123})
	require.Equal(t, schema.Frame{Offset: 0x1234}, unknown.Frames[0], "no machinery follows it: it is not ours")
	require.Equal(t, "0x1234", r.Names(&unknown)[0])
}

func TestSymbol(t *testing.T) {
	r := readResolver(t, hostFiles(t, here))
	for _, c := range []struct {
		addr   uint64
		name   string
		offset uint64
		module string
	}{
		{here.kernel, "_stext", 0, "kernel"}, // the first in order of those at that address
		{here.kernel + 0x4ff, "__traceiter_inet_sock_set_state", 0xff, "kernel"},
		{here.kernel + 0x5ff, "entry_SYSCALL_64_after_hwframe", 0xff, "kernel"},
		{here.module + 0x7f, "first", 0x7f, "e1000"},
		{here.bpf + 0x400, "bpf_prog_" + otherTag + "_of_others", 0, "bpf"},
	} {
		name, offset, module, ok := symbolOf(r, c.addr)
		require.True(t, ok)
		require.Equal(t, []any{c.name, c.offset, c.module}, []any{name, offset, module})
	}
	for _, addr := range []uint64{1, here.kernel - 1, here.kernel + 0x600, here.module + 0x20000, 1<<64 - 1} {
		_, _, _, ok := symbolOf(r, addr)
		require.False(t, ok, "%#x", addr)
	}
}

func TestTable(t *testing.T) {
	r := readResolver(t, hostFiles(t, here))
	module, symbols, ok := r.Table(kernelID)
	require.True(t, ok)
	require.Equal(t, "kernel", module)
	require.Equal(t, []schema.Symbol{{Offset: 0, Name: "_stext"}, {Offset: 0, Name: "zz_first"}, {Offset: 0x100, Name: "tcp_close"},
		{Offset: 0x200, Name: "tcp_v4_do_rcv.isra.0"}, {Offset: 0x300, Name: "bpf_trace_run4"},
		{Offset: 0x400, Name: "__traceiter_inet_sock_set_state"}, {Offset: 0x500, Name: "entry_SYSCALL_64_after_hwframe"}}, symbols)
	module, symbols, ok = r.Table("bpf:" + otherTag)
	require.True(t, ok)
	require.Equal(t, "bpf", module)
	require.Equal(t, []schema.Symbol{{Name: "bpf_prog_" + otherTag + "_of_others"}}, symbols)
	_, _, ok = r.Table("")
	require.False(t, ok)
}

func TestHiddenAddresses(t *testing.T) {
	files := hostFiles(t, here)
	shown := files["proc/kallsyms"]
	lines := strings.Split(here.symbolsOf(), "\n")
	for i := range lines {
		lines[i] = "0000000000000000" + lines[i][min(16, len(lines[i])):]
	}
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	r := NewResolver(files)
	require.ErrorIs(t, r.Read(), errHidden)
	require.ErrorIs(t, r.Readable(), errHidden)
	s := placed(r, []uint64{here.kernel + 0x123, 0})
	require.Equal(t, []schema.Frame{{Offset: here.kernel + 0x123}}, s.Frames)
	require.NotZero(t, s.ID)

	hidden := files["proc/kallsyms"]
	files["proc/kallsyms"] = shown
	require.NoError(t, r.Read())
	files["proc/kallsyms"] = hidden // as after giving up CAP_SYSLOG
	require.Error(t, r.Read())
	require.NoError(t, r.Readable(), "the symbols stay in use")
	require.Equal(t, kernelID, placed(r, []uint64{here.kernel + 0x123}).Frames[0].BuildID)

	delete(files, "proc/kallsyms")
	require.Error(t, NewResolver(files).Read())
}

// The resolver reads again at an unknown address, or if the list of modules changed: not before the pause is over, which grows
// while reading settles nothing.
func TestReadsAgain(t *testing.T) {
	files, now := hostFiles(t, here), time.Unix(1_700_000_000, 0)
	r := readResolver(t, files)
	r.now, r.read = func() time.Time { return now }, now
	addr := here.module + 0x200000
	place := func() string { return placed(r, []uint64{addr}).Frames[0].Module }

	require.Empty(t, place())
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(here.symbolsOf() + "ffffffffc0600000 t late\t[late]\n")}
	files["proc/modules"] = &fstest.MapFile{Data: []byte("late 4096 0 - Loading 0x0\n")}
	require.Empty(t, place(), "too soon")
	now = now.Add(firstPause)
	require.Empty(t, place(), "while it loads its init text is listed too: not yet")
	files["proc/modules"] = &fstest.MapFile{Data: []byte("late 4096 0 - Live 0x0\n")}
	now = now.Add(firstPause)
	require.Empty(t, place(), "it did not help the last time: wait longer")
	now = now.Add(firstPause)
	require.Equal(t, "late", place())
	require.Equal(t, firstPause, r.pause)

	before := r.current.Load()
	now = now.Add(firstPause)
	placed(r, []uint64{here.kernel})
	require.Same(t, before, r.current.Load(), "nothing changed")
	files["proc/modules"] = &fstest.MapFile{Data: []byte("late 4096 2 - Live 0x0\n")}
	placed(r, []uint64{here.kernel})
	require.Same(t, before, r.current.Load(), "only used")
	files["proc/modules"] = &fstest.MapFile{Data: []byte("other 4096 0 - Live 0x0\n")}
	placed(r, []uint64{here.kernel})
	require.NotSame(t, before, r.current.Load())
}

// Another module at the place of one that went: until it is read again, nothing is said of the frames there. BPF programs are
// looked at again too.
func TestAModulesPlaceIsReused(t *testing.T) {
	files, now := hostFiles(t, here), time.Unix(1_700_000_000, 0)
	r := readResolver(t, files)
	r.now, r.read = func() time.Time { return now }, now
	files["proc/kallsyms"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(strings.ReplaceAll(here.symbolsOf(), "[e1000]", "[other]"),
		otherTag, "aaaaaaaaaaaaaaaa"))}
	files["proc/modules"] = &fstest.MapFile{Data: []byte("other 180224 0 - Live 0x0\nbare 16384 0 - Live 0x0\n")}
	frames := []uint64{here.kernel + 0x123, here.module + 0x85}
	require.Equal(t, []schema.Frame{{Module: "kernel", BuildID: kernelID, Offset: 0x123}, {Offset: here.module + 0x85}}, placed(r, frames).Frames)

	shown := files["proc/kallsyms"]
	delete(files, "proc/kallsyms")
	now = now.Add(firstPause)
	require.Empty(t, placed(r, frames).Frames[1].Module, "a reading that failed does not make the old one right")
	files["proc/kallsyms"] = shown
	now = now.Add(2 * firstPause)
	require.Equal(t, "other", placed(r, frames).Frames[1].Module)

	program := []uint64{here.kernel + 0x123, here.bpf + 0x410}
	_, wait := r.place(program, nil)
	require.NotNil(t, wait, "as far as is known")
	now = now.Add(firstPause)
	require.NoError(t, r.Read())
	s, wait := r.place(program, wait)
	require.Nil(t, wait, "the table is younger than the frames")
	require.Equal(t, "bpf:aaaaaaaaaaaaaaaa", s.Frames[1].BuildID)
}
