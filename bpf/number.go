// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// fetchIncMark is the constant that begins fetch_inc() in number.h.
const fetchIncMark = 0x7ed6e270

// ErrShape says that the object's fetch_inc() is not what number.h writes.
var ErrShape = errors.New("fetch_inc() has an unexpected shape")

// UseFetchAdd replaces every fetch_inc() of the object by an atomic fetch-and-add of the same length, in place, and returns how
// many there were. Kernels before 5.12 refuse the instruction, even if it never runs.
func UseFetchAdd(spec *ebpf.CollectionSpec) (int, error) {
	replaced := 0
	for name, program := range spec.Programs {
		insns := program.Instructions
		for i := range insns {
			if !isMark(insns[i]) {
				continue
			}
			if err := replaceFetchInc(insns[i:]); err != nil {
				return replaced, fmt.Errorf("program %s, instruction %d: %w", name, i, err)
			}
			replaced++
		}
	}
	if replaced == 0 {
		return 0, fmt.Errorf("%w: none found", ErrShape)
	}
	return replaced, nil
}

func isMark(ins asm.Instruction) bool {
	return ins.OpCode == asm.Mov.Op(asm.ImmSource) && ins.Constant == fetchIncMark
}

// replaceFetchInc turns { mark; old = *p; next = old; next += 1; *p = next } into
// { next = 0; old = 1; old = fetch_add(p, old); next = 0; next = 0 }.
func replaceFetchInc(insns asm.Instructions) error {
	if len(insns) < 5 {
		return ErrShape
	}
	next, old, counter := insns[0].Dst, insns[1].Dst, insns[1].Src
	want := asm.Instructions{
		asm.Mov.Imm(next, fetchIncMark),
		asm.LoadMem(old, counter, 0, asm.DWord),
		asm.Mov.Reg(next, old),
		asm.Add.Imm(next, 1),
		asm.StoreMem(counter, 0, next, asm.DWord),
	}
	for i, ins := range want {
		if !sameOperation(insns[i], ins) {
			return fmt.Errorf("%w: %v instead of %v", ErrShape, insns[i], ins)
		}
	}
	for i, ins := range (asm.Instructions{
		asm.Mov.Imm(next, 0),
		asm.Mov.Imm(old, 1),
		FetchAdd(counter, old, 0),
		asm.Mov.Imm(next, 0),
		asm.Mov.Imm(next, 0),
	}) {
		ins.Metadata = insns[i].Metadata
		insns[i] = ins
	}
	return nil
}

// FetchAdd is { src = fetch_add(dst + offset, src) } on 64 bits. The immediate
// is set by hand: cilium/ebpf v0.22.0 encodes the operation into it too late,
// and what is loaded is an add without the fetch.
func FetchAdd(dst, src asm.Register, offset int16) asm.Instruction {
	const fetch = 1
	ins := asm.FetchAdd.Mem(dst, src, asm.DWord, offset)
	ins.Constant = fetch
	return ins
}

func sameOperation(a, b asm.Instruction) bool {
	return a.OpCode == b.OpCode && a.Dst == b.Dst && a.Src == b.Src &&
		a.Offset == b.Offset && a.Constant == b.Constant
}
