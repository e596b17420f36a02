// SPDX-License-Identifier: Apache-2.0

package stacks

import "strings"

// ownPrefixes are the names of the kernel's way from a tracepoint into a BPF program. Which of them a stack begins with
// differs by kernel, tracepoint and load, so they are cut by name.
var ownPrefixes = []string{
	"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "bpf_get_stack", "__bpf_get_stack", "bpf_trampoline_",
	"bpf_dispatcher_", "__bpf_prog_enter", "trace_call_bpf", "perf_trace_", "__SCT__tp_func_", "bpf_raw_tp_", "__probestub_",
}

func ownMachinery(name string) bool {
	for _, p := range ownPrefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// ownFrames counts the leading frames that are ours. An address without a name is ours where our machinery follows it: a
// program younger than the table.
func (t *table) ownFrames(frames []uint64) int {
	own := 0
	for i, addr := range frames {
		m := t.find(addr)
		if m == nil {
			continue
		}
		name, _, ok := t.nearest(m, addr)
		if ok && !ownMachinery(name) {
			break
		}
		if ok {
			own = i + 1
		}
	}
	return own
}
