// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// Features is what this kernel was found to offer. Nothing is decided by its
// version: distributions backport.
type Features struct {
	FetchAdd       bool   `json:"fetch_add"`       // atomic numbers, safe under kernel preemption
	SocketCookie   bool   `json:"socket_cookie"`   // programs may ask for a cookie
	SendResetArgs  uint32 `json:"send_reset_args"` // 3: with a reason, also without a socket
	KfreeSkbArgs   uint32 `json:"kfree_skb_args"`  // 3: with a reason, 4: with the receiving socket
	RetransmitArgs uint32 `json:"retransmit_args"` // 3: with the error of the attempt
	DropReasons    int    `json:"drop_reasons"`    // names known
	ResetReasons   int    `json:"reset_reasons"`   // names known
	TickNS         uint64 `json:"tick_ns"`         // one jiffy
	NumbersPatched int    `json:"numbers_patched"` // places made atomic
}

// probe finds out what the kernel offers, by its BTF and by loading tiny programs.
func probe(kernel *btf.Spec) (Features, error) {
	var tick unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &tick); err != nil {
		return Features{}, fmt.Errorf("read the tick: %w", err)
	}
	return Features{
		FetchAdd:       loads(fetchAddProbe()),
		SocketCookie:   loads(cookieProbe()),
		SendResetArgs:  tracepointArgs(kernel, "tcp_send_reset"),
		KfreeSkbArgs:   tracepointArgs(kernel, "kfree_skb"),
		RetransmitArgs: tracepointArgs(kernel, "tcp_retransmit_skb"),
		TickNS:         uint64(tick.Nano()),
	}, nil
}

// tracepointArgs counts a tracepoint's arguments; 0 if the kernel lacks it.
func tracepointArgs(kernel *btf.Spec, tracepoint string) uint32 {
	var prototype *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+tracepoint, &prototype); err != nil {
		return 0
	}
	pointer, ok := prototype.Type.(*btf.Pointer)
	if !ok {
		return 0
	}
	function, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(function.Params) == 0 {
		return 0
	}
	return uint32(len(function.Params) - 1) // the first is the kernel's own
}

// loads reports whether the verifier accepts a program.
func loads(spec *ebpf.ProgramSpec) bool {
	program, err := ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogDisabled: true})
	if err != nil {
		return false
	}
	return program.Close() == nil
}

func fetchAddProbe() *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Name: "probe_fetch_add", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
			bpf.FetchAdd(asm.RFP, asm.R1, -8),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}
}

func cookieProbe() *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{
		Name: "probe_cookie", Type: ebpf.Tracing, License: "GPL",
		AttachType: ebpf.AttachTraceRawTp, AttachTo: "inet_sock_set_state",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
			asm.FnGetSocketCookie.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}
}
