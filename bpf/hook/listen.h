/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * iter/bpf_map_elem over the listeners: the agent runs it every few seconds. An entry
 * goes at -> CLOSE, before the kernel frees the socket, and a freed socket's memory
 * stays a socket's: at worst a closed one is read.
 */
#ifndef TCPLEDGER_LISTEN_H
#define TCPLEDGER_LISTEN_H

#include "../handshake.h"

struct listener_sample {
	u64 key;
	struct listening listening;
};

_Static_assert(sizeof(struct listener_sample) == 216, "listener_sample");

/* Who holds the listener, if it is in the same network namespace: its /proc shows the counters of that. */
static __always_inline u32 holder_inside(const struct sock *sk)
{
	struct task_struct *leader;
	const struct listener *l;
	u64 key = (u64)sk;

	l = bpf_map_lookup_elem(&listeners, &key);
	if (!l)
		return 0;
	leader = (struct task_struct *)l->leader;
	if (!still_runs(l))
		return 0;
	return BPF_CORE_READ(leader, nsproxy, net_ns) == BPF_CORE_READ(sk, __sk_common.skc_net.net) ? l->pid : 0;
}

SEC("iter/bpf_map_elem")
int on_listener(struct bpf_iter__bpf_map_elem *ctx)
{
	struct listening *value = ctx->value;
	struct listener_sample out;
	u64 *key = ctx->key;
	const struct sock *sk;

	if (!key || !value)
		return 0;
	out.key = *key;
	out.listening = *value;
	if (!out.listening.since)
		return 0;
	sk = (const struct sock *)out.key;
	if (!out.listening.closed && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN) {
		sample_listener(&out.listening, sk);
		out.listening.inside = holder_inside(sk);
	} else {
		out.listening.closed = 1;
	}
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

/* Over the handshakes, before on_listener. It writes nothing to the agent. */
SEC("iter/bpf_map_elem")
int on_handshake(struct bpf_iter__bpf_map_elem *ctx)
{
	struct handshake_key key, *at = ctx->key;

	if (!at)
		return 0;
	key = *at;
	sweep_handshake(&key);
	return 0;
}

#endif
