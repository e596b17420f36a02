// SPDX-License-Identifier: Apache-2.0

package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrames(t *testing.T) {
	for name, c := range map[string]struct{ symbols, want []string }{
		"a close": {
			[]string{"__traceiter_inet_sock_set_state+0x3b", "tcp_set_state+0x9a", "__tcp_close+0x3c1", "tcp_close+0x20", "inet_release+0x42", "sock_close+0x15",
				"__fput+0xe6", "__x64_sys_close+0x3d", "do_syscall_64+0x5b", "entry_SYSCALL_64_after_hwframe+0x76"},
			[]string{"__tcp_close", "tcp_close", "inet_release", "sock_close", "__fput", "__x64_sys_close"},
		},
		"a reset over the loopback, whose sender was interrupted": {
			[]string{"tcp_reset+0x1", "tcp_validate_incoming.isra.0+0x2", "tcp_v4_rcv.constprop.0.cold+0x3", "ip_protocol_deliver_rcu+0x4",
				"__netif_receive_skb_one_core+0x5", "handle_softirqs+0x6", "tcp_sendmsg+0x7"},
			[]string{"tcp_reset", "tcp_validate_incoming", "tcp_v4_rcv"},
		},
		"a timer":         {[]string{"tcp_write_err+0x1", "tcp_write_timer+0x2", "call_timer_fn+0x3", "cpu_idle_poll+0x4"}, []string{"tcp_write_err", "tcp_write_timer"}},
		"only entry":      {[]string{"do_syscall_64+0x5b"}, []string{"do_syscall_64"}},
		"only a probe":    {[]string{"bpf_trampoline_6442+0x1"}, nil},
		"no symbols":      {[]string{"0xffffffff81a00001"}, []string{"0xffffffff81a00001"}},
		"decimal offsets": {[]string{"napi_consume_skb+134", "e1000_clean+285"}, []string{"napi_consume_skb", "e1000_clean"}},
		"odd names":       {[]string{"+1", "", "a+", ".cold"}, []string{"+1", "", "a", ".cold"}},
	} {
		require.Equal(t, c.want, Frames(c.symbols), name)
	}
}

func TestTopCauses(t *testing.T) {
	g := Counts{Causes: map[string]uint64{"refused": 2, "peer_close": 7, "killed": 2, "unknown": 1}}
	require.Equal(t, []CauseCount{{"peer_close", 7}, {"killed", 2}, {"refused", 2}, {"unknown", 1}}, g.TopCauses())
}
