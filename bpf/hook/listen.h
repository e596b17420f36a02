/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * iter/bpf_map_elem over the listeners: the agent runs it every few seconds. An entry
 * goes at -> CLOSE, before the kernel frees the socket, and a freed socket's memory
 * stays a socket's: at worst a closed one is read.
 */
#ifndef TCPLEDGER_LISTEN_H
#define TCPLEDGER_LISTEN_H

#include "../listening.h"

struct listener_sample {
	u64 key;
	struct listening listening;
};

_Static_assert(sizeof(struct listener_sample) == 192, "listener_sample");

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
	if (!out.listening.closed && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		sample_listener(&out.listening, sk);
	else
		out.listening.closed = 1;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

#endif
