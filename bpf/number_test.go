// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

func count(insns asm.Instructions, wanted func(asm.Instruction) bool) int {
	found := 0
	for _, ins := range insns {
		if wanted(ins) {
			found++
		}
	}
	return found
}

func isFetchAdd(ins asm.Instruction) bool { return ins.OpCode == asm.FetchAdd.OpCode(asm.DWord) }

// TestFetchAddIsEncoded looks at the bytes that the kernel is given.
func TestFetchAddIsEncoded(t *testing.T) {
	var encoded bytes.Buffer
	_, err := FetchAdd(asm.R1, asm.R2, 0).Marshal(&encoded, binary.LittleEndian)
	require.NoError(t, err)
	require.Equal(t, []byte{0xdb, 0x21, 0, 0, 1, 0, 0, 0}, encoded.Bytes())
}

// TestUseFetchAdd: every mark becomes one atomic, and no instruction moves.
func TestUseFetchAdd(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	before := map[string]asm.Instructions{}
	marks := 0
	for name, program := range spec.Programs {
		before[name] = append(asm.Instructions{}, program.Instructions...)
		marks += count(program.Instructions, isMark)
	}
	require.NotZero(t, marks)
	replaced, err := UseFetchAdd(spec)
	require.NoError(t, err)
	require.Equal(t, marks, replaced)
	for name, program := range spec.Programs {
		was := before[name]
		require.Len(t, program.Instructions, len(was))
		require.Zero(t, count(program.Instructions, isMark))
		require.Equal(t, count(was, isMark), count(program.Instructions, isFetchAdd))
		for i := range was {
			require.Equal(t, was[i].Symbol(), program.Instructions[i].Symbol())
			require.Equal(t, was[i].Reference(), program.Instructions[i].Reference())
		}
	}
	_, err = UseFetchAdd(spec)
	require.ErrorIs(t, err, ErrShape, "a second time there is nothing left")
}

func TestUseFetchAddRefusesAnotherShape(t *testing.T) {
	for name, insns := range map[string]asm.Instructions{
		"cut short": {asm.Mov.Imm(asm.R1, fetchIncMark), asm.Return()},
		"another store": {
			asm.Mov.Imm(asm.R1, fetchIncMark),
			asm.LoadMem(asm.R2, asm.R3, 0, asm.DWord),
			asm.Mov.Reg(asm.R1, asm.R2),
			asm.Add.Imm(asm.R1, 1),
			asm.StoreMem(asm.R4, 0, asm.R1, asm.DWord),
		},
	} {
		spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Instructions: insns}}}
		_, err := UseFetchAdd(spec)
		require.ErrorIs(t, err, ErrShape, name)
	}
}

func TestFramesHash(t *testing.T) {
	var empty, one, two Frames
	one[0] = 0xffffffff81000000
	two[1] = one[0]
	require.NotZero(t, empty.Hash())
	require.NotEqual(t, one.Hash(), two.Hash())
	require.Zero(t, empty.Depth())
	require.Equal(t, 1, one.Depth())
	require.Equal(t, 2, two.Depth())
	for i := range two {
		two[i] = 1
	}
	require.Equal(t, MaxFrames, two.Depth())
}
