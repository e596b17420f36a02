// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFunction(t *testing.T) {
	for symbol, want := range map[string]string{
		"tcp_v4_rcv":                           "tcp_v4_rcv",
		"tcp_v4_rcv+0x1a":                      "tcp_v4_rcv",
		"napi_consume_skb+134":                 "napi_consume_skb",
		"tcp_reset.isra.0":                     "tcp_reset",
		"tcp_done.constprop.0.isra.0+0x2":      "tcp_done",
		"tcp_close.part.12":                    "tcp_close",
		"tcp_close.cold":                       "tcp_close",
		"tcp_ack.lto_priv.0":                   "tcp_ack",
		"inet_csk_destroy.llvm.1234567":        "inet_csk_destroy",
		"bpf_prog_6deef7357e7b4530_sd_fw_ingr": "bpf_prog_sd_fw_ingr",
		".cold":                                ".cold",
		"+1":                                   "+1",
		"":                                     "",
	} {
		require.Equal(t, want, Function(symbol))
	}
}

func TestClassOf(t *testing.T) {
	for name, want := range map[string]FrameClass{
		"__traceiter_kfree_skb": FrameProbe, "bpf_trampoline_6442": FrameProbe, "tcp_set_state": FrameStateStore, "tcp_set_state_x": FramePath,
		"do_syscall_64": FrameEntry, "asm_common_interrupt": FrameEntry, "kthread": FrameEntry, "kthread_stop": FramePath, "do_idle": FrameIdle,
		"cpuidle_enter": FrameIdle, "tcp_reset": FramePath, "": FramePath,
	} {
		require.Equal(t, want, ClassOf(name), name)
	}
}

// A path does not depend on the build, on what entered the kernel, or on whether the state's setter is inlined.
func TestPath(t *testing.T) {
	want := []string{"tcp_done", "tcp_reset", "tcp_v4_rcv"}
	for name, symbols := range map[string][]string{
		"inlined":                {"tcp_done+0x1", "tcp_reset.isra.0+0x2", "tcp_v4_rcv+0x3", "ip_protocol_deliver_rcu+0x4", "tcp_sendmsg+0x5"},
		"with the probe":         {"__traceiter_inet_sock_set_state", "inet_sk_state_store", "tcp_set_state", "tcp_done", "tcp_reset", "tcp_v4_rcv", "ip6_input"},
		"while the CPU was idle": {"tcp_set_state", "tcp_done", "tcp_reset", "tcp_v4_rcv.cold", "do_idle", "start_secondary"},
		"to its end":             {"tcp_done", "tcp_reset", "tcp_v4_rcv"},
	} {
		require.Equal(t, want, Path(symbols), name)
	}
	require.Empty(t, Path([]string{"bpf_trampoline_6442+0x1"}))
	require.Equal(t, []string{"do_syscall_64"}, Path([]string{"do_syscall_64+0x5b"}), "an entry alone is all there is")
	require.Equal(t, []string{"tcp_close", "tcp_set_state"}, Path([]string{"tcp_close", "tcp_set_state"}), "a setter further out is part of the path")
}
