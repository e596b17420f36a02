// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/wait"
)

func liveResolver(t testing.TB) *Resolver {
	r := NewResolver(os.DirFS("/"))
	if err := r.Read(); err != nil {
		if os.Getenv("TCPLEDGER_REQUIRE_BPF") != "" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
	return r
}

// oracle reads /proc/kallsyms the plain way: the text symbols of vmlinux by address.
func oracle(t *testing.T) (addresses []uint64, names map[uint64][]string) {
	b, err := os.ReadFile("/proc/kallsyms")
	require.NoError(t, err)
	names = map[uint64][]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || !strings.Contains("tTwW", f[1]) {
			continue
		}
		addr, err := strconv.ParseUint(f[0], 16, 64)
		require.NoError(t, err)
		if names[addr] == nil {
			addresses = append(addresses, addr)
		}
		names[addr] = append(names[addr], f[2])
	}
	sort.Slice(addresses, func(i, j int) bool { return addresses[i] < addresses[j] })
	return addresses, names
}

func TestLiveKernelAgainstKallsyms(t *testing.T) {
	r := liveResolver(t)
	addresses, names := oracle(t)
	stext := slices.IndexFunc(addresses, func(addr uint64) bool { return slices.Contains(names[addr], "_stext") })
	require.GreaterOrEqual(t, stext, 0)
	kernel := addresses[stext:]
	symbols, bytes := r.Size()
	t.Logf("%d symbols in %d KiB", symbols, bytes>>10)
	require.Less(t, bytes, symbols*64)
	for range 20_000 {
		i := rand.IntN(len(kernel) - 1)
		addr := kernel[i] + rand.Uint64N(kernel[i+1]-kernel[i])
		name, offset, module, ok := symbolOf(r, addr)
		if !ok { // between the end of the text and the init text there is none
			require.Nil(t, r.current.Load().find(addr))
			continue
		}
		require.Equal(t, "kernel", module)
		require.Contains(t, names[kernel[i]], name)
		require.Equal(t, addr-kernel[i], offset)
		require.Equal(t, addr-kernel[0], placed(r, []uint64{kernel[0], addr}).Frames[1].Offset, "the base is _stext")
	}
}

func TestLiveBuildID(t *testing.T) {
	r := liveResolver(t)
	notes, err := os.ReadFile("/sys/kernel/notes")
	require.NoError(t, err)
	addresses, _ := oracle(t)
	m := r.current.Load().find(addresses[len(addresses)/2])
	require.NotNil(t, m)
	raw, err := hex.DecodeString(m.buildID)
	require.NoError(t, err)
	require.Len(t, raw, 20)
	require.Contains(t, string(notes), "GNU\x00"+string(raw))
}

// A program on a raw tracepoint takes its own stack: the frames that stay begin in the kernel.
func TestLiveOwnFramesAreCut(t *testing.T) {
	r := liveResolver(t)
	frames := ownStack(t)
	require.NoError(t, r.Read()) // the program is younger than the first reading
	name, _, _, ok := symbolOf(r, frames[0])
	require.True(t, ok)
	require.Regexp(t, regexp.MustCompile("^bpf_prog_[0-9a-f]{16}_"), name)
	s := placed(r, frames)
	names := r.Names(&s)
	t.Log(names)
	require.NotEmpty(t, s.Frames)
	require.Equal(t, "kernel", s.Frames[0].Module)
	for _, n := range names {
		require.NotEqual(t, schema.FrameProbe, schema.ClassOf(n), n)
		require.NotRegexp(t, "^0x", n)
	}
	_, symbols, ok := r.Table(r.current.Load().find(frames[0]).buildID)
	require.True(t, ok)
	require.Len(t, symbols, 1)
}

// ownStack attaches a program to sys_enter that writes the stack of this process into an array, and gives that.
func ownStack(t *testing.T) []uint64 {
	const depth = 32
	array, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: depth * 8, MaxEntries: 1})
	if errors.Is(err, os.ErrPermission) && os.Getenv("TCPLEDGER_REQUIRE_BPF") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = array.Close() })
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "own_stack", Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.JNE.Imm(asm.R0, int32(os.Getpid()), "exit"),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, array.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R0),
		asm.Mov.Imm(asm.R3, depth*8),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnGetStack.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
		asm.Return(),
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = prog.Close() })
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sys_enter", Program: prog})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	var frames [depth]uint64
	require.Eventually(t, func() bool {
		return array.Lookup(uint32(0), &frames) == nil && frames[0] != 0
	}, wait.Long, time.Millisecond)
	return frames[:]
}
