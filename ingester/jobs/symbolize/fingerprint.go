// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"regexp"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// suffixes are what compilers and linkers append to a function they cloned or split.
var suffixes = []string{".isra.", ".constprop.", ".part.", ".cold", ".llvm.", ".lto_priv."}

// edges begin the names of the frames that say only how the kernel was entered, or that it was idle: they differ by
// architecture and build, not by what happened.
var edges = []string{
	"ret_from_fork", "kthread", "entry_SYSCALL", "entry_INT80", "entry_SYSENTER", "do_syscall_64", "do_fast_syscall",
	"__do_fast_syscall", "x64_sys_call", "asm_", "el0_", "el0t_", "el1_", "el1h_", "do_el0_svc", "invoke_syscall",
	"common_startup_64", "cpu_startup_entry", "do_idle", "start_secondary", "secondary_startup", "start_kernel",
	"rest_init", "x86_64_start", "cpuidle_idle_call", "default_idle", "arch_cpu_idle", "pv_native_safe_halt",
	"native_safe_halt", "acpi_idle", "acpi_safe_halt", "intel_idle", "cpuidle_enter", "mwait_idle", "__primary_switched",
}

// bpfProgram is how the kernel names a BPF program: its tag differs with every build.
var bpfProgram = regexp.MustCompile(`^bpf_prog_[0-9a-f]{16}_`)

// normal cuts from a function's name what differs between builds of the same source.
func normal(name string) string {
	end := len(name)
	for _, s := range suffixes {
		if i := strings.Index(name, s); i > 0 && i < end {
			end = i
		}
	}
	name = name[:end]
	if strings.HasPrefix(name, "bpf_prog_") {
		name = bpfProgram.ReplaceAllLiteralString(name, "bpf_prog_")
	}
	return name
}

// edge reports whether a normal name is of a frame that only enters the kernel or idles.
func edge(name string) bool {
	for _, e := range edges {
		if strings.HasPrefix(name, e) {
			return true
		}
	}
	return false
}

// fingerprint hashes the names of a stack's functions: the same across kernel builds. It is never 0, which stands for a
// stack that is not resolved.
func fingerprint(names []string) uint64 {
	h := xxhash.New()
	for _, name := range names {
		name = normal(name)
		if edge(name) {
			continue
		}
		_, _ = h.WriteString(name)
		_, _ = h.Write([]byte{0})
	}
	if fp := h.Sum64(); fp != 0 {
		return fp
	}
	return 1
}
