// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"regexp"
	"slices"
	"strings"
)

// FrameClass says what a function's name tells about a stack.
type FrameClass uint8

// The classes.
const (
	FramePath       FrameClass = iota // part of the path that names an ending
	FrameProbe                        // the kernel's way from a tracepoint into a BPF program
	FrameStateStore                   // every change of state goes through it, whatever the reason
	FrameEntry                        // the way a packet, a timer, a thread or a system call came in
	FrameIdle                         // the CPU had nothing to do
)

// frameNames are the names of a class: whole ones, and beginnings.
type frameNames struct {
	class    FrameClass
	names    []string
	prefixes []string
}

// frames lists the names of every class. What is in no list is part of the path.
var frames = []frameNames{
	{FrameProbe, nil, []string{"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_get_stack", "__bpf_get_stack",
		"bpf_trampoline_", "bpf_dispatcher_", "__bpf_prog_enter", "trace_call_bpf", "perf_trace_", "__SCT__tp_func_", "bpf_raw_tp_",
		"__probestub_"}},
	{FrameStateStore, []string{"inet_sk_state_store", "inet_sk_set_state", "tcp_set_state"}, nil},
	{FrameEntry, []string{
		"ip_protocol_deliver_rcu", "ip_local_deliver", "ip_local_deliver_finish", "ip6_protocol_deliver_rcu", "ip6_input", "ip6_input_finish",
		"call_timer_fn", "expire_timers", "__run_timers", "run_timer_softirq", "run_timer_base", "net_rx_action", "process_backlog",
		"handle_softirqs", "__do_softirq", "do_softirq", "irq_exit_rcu",
		"do_syscall_64", "x64_sys_call", "el0_svc", "invoke_syscall", "do_el0_svc", "syscall_exit_to_user_mode", "exit_to_user_mode_loop",
		"exit_to_user_mode_prepare", "task_work_run", "process_one_work", "worker_thread", "kthread",
	}, []string{"entry_", "asm_", "el0_", "el0t_", "el1_", "el1h_", "do_fast_syscall", "__do_fast_syscall", "ret_from_fork",
		"__netif_receive", "napi_"}},
	{FrameIdle, nil, []string{"cpu_idle", "cpuidle_", "common_startup_64", "cpu_startup_entry", "do_idle", "start_secondary",
		"secondary_startup", "start_kernel", "rest_init", "x86_64_start", "default_idle", "arch_cpu_idle", "pv_native_safe_halt",
		"native_safe_halt", "acpi_idle", "acpi_safe_halt", "intel_idle", "mwait_idle", "__primary_switched"}},
}

// ClassOf gives the class of a function's name.
func ClassOf(function string) FrameClass {
	for _, f := range frames {
		begins := func(prefix string) bool { return strings.HasPrefix(function, prefix) }
		if slices.Contains(f.names, function) || slices.ContainsFunc(f.prefixes, begins) {
			return f.class
		}
	}
	return FramePath
}

// suffixes are what compilers and linkers append to a function that they clone or split.
var suffixes = []string{".isra.", ".constprop.", ".part.", ".cold", ".llvm.", ".lto_priv."}

// bpfProgram is how the kernel names a BPF program: its tag differs with every build.
var bpfProgram = regexp.MustCompile(`^bpf_prog_[0-9a-f]{16}_`)

// Function is the function of a symbol, with or without an offset in it, as every build of the same source names it.
func Function(symbol string) string {
	if i := strings.LastIndexByte(symbol, '+'); i > 0 {
		symbol = symbol[:i]
	}
	end := len(symbol)
	for _, s := range suffixes {
		if i := strings.Index(symbol, s); i > 0 && i < end {
			end = i
		}
	}
	symbol = symbol[:end]
	if strings.HasPrefix(symbol, "bpf_prog_") {
		symbol = bpfProgram.ReplaceAllLiteralString(symbol, "bpf_prog_")
	}
	return symbol
}

// Path gives the functions of a stack that name the reason for an ending, innermost first. The frames of the probe are cut off,
// and the path ends before the frame that entered the kernel: the frames beyond it are the same for every ending, or belong to
// the task that was interrupted. The fingerprint of a stack is made of its path: one path, one fingerprint.
func Path(symbols []string) []string {
	var path []string
	for _, symbol := range symbols {
		function := Function(symbol)
		switch ClassOf(function) {
		case FrameProbe, FrameStateStore:
			if len(path) == 0 {
				continue
			}
		case FrameEntry, FrameIdle:
			if len(path) > 0 {
				return path
			}
		}
		path = append(path, function)
	}
	return path
}
