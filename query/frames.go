// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strings"
)

// Function is a frame's function: without the offset in it and the compiler's suffixes (".isra.0"), which differ from
// build to build.
func Function(symbol string) string {
	if i := strings.LastIndexByte(symbol, '+'); i > 0 {
		symbol = symbol[:i]
	}
	for _, suffix := range []string{".isra.", ".part.", ".constprop.", ".cold", ".llvm."} {
		if i := strings.Index(symbol, suffix); i > 0 {
			symbol = symbol[:i]
		}
	}
	return symbol
}

// outside are the functions at which a stack leaves the code that names an ending: the way a packet, a timer or a system
// call came in. What lies beyond is the same for every ending, or belongs to whoever was interrupted.
var outside = []string{"ip_protocol_deliver_rcu", "ip_local_deliver", "ip_local_deliver_finish", "ip6_protocol_deliver_rcu",
	"ip6_input", "ip6_input_finish", "call_timer_fn", "expire_timers", "__run_timers", "run_timer_softirq", "run_timer_base",
	"net_rx_action", "process_backlog", "handle_softirqs", "__do_softirq", "do_softirq", "irq_exit_rcu",
	"do_syscall_64", "x64_sys_call", "el0_svc", "invoke_syscall", "do_el0_svc", "syscall_exit_to_user_mode", "exit_to_user_mode_loop",
	"exit_to_user_mode_prepare", "task_work_run", "process_one_work", "worker_thread", "kthread", "ret_from_fork"}

// outsidePrefixes begin the entries from user space, interrupts and the idle task.
var outsidePrefixes = []string{"entry_", "asm_", "el0t_", "ret_from_fork", "cpu_idle", "cpuidle_", "__netif_receive", "napi_"}

// probePrefixes begin the innermost frames that only a probe adds.
var probePrefixes = []string{"__traceiter_", "__bpf_trace_", "bpf_trampoline_", "bpf_prog_", "bpf_trace_run", "__probestub_"}

// stores are the innermost frames of every change of state: where the probe sits, not why.
var stores = []string{"inet_sk_state_store", "inet_sk_set_state", "tcp_set_state"}

// Frames gives the functions of a stack that tell its path, innermost first: no probe, entry or softirq frames.
func Frames(symbols []string) []string {
	var out []string
	for _, symbol := range symbols {
		f := Function(symbol)
		if len(out) == 0 && (hasPrefix(f, probePrefixes) || slices.Contains(stores, f)) {
			continue
		}
		if len(out) > 0 && (slices.Contains(outside, f) || hasPrefix(f, outsidePrefixes)) {
			break
		}
		out = append(out, f)
	}
	return out
}

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
