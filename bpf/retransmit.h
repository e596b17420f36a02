/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack. */
#ifndef TCPLEDGER_RETRANSMIT_H
#define TCPLEDGER_RETRANSMIT_H

#include "event.h"

/* Such a packet has no TCP header yet: its control block says what it will say. */
static __always_inline void packet_of_queue(struct packet *p, const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = (const void *)__builtin_preserve_access_index(&skb->cb);
	u32 end = BPF_CORE_READ(cb, end_seq);
	u8 flags = BPF_CORE_READ(cb, tcp_flags);

	p->seq = BPF_CORE_READ(cb, seq);
	p->tcp_flags = flags;
	p->length = end - p->seq - (flags & 1) - (flags >> 1 & 1);
}

static __always_inline void retransmitted(struct here *h, const struct sock *sk,
					  const struct sk_buff *skb, s32 err)
{
	struct packet p = {};
	struct moment m = {
		.sk = sk,
		.full = true,
		.conn = find_conn(sk),
		.packet = &p,
		.state = state_of(sk),
		.reason = ABSENT32,
		.error = err < 0 ? -err : 0,
		.direction = DIRECTION_OUT,
		.flags = EVENT_WITH_PACKET,
		.hint = context_of(sk),
	};

	packet_of_queue(&p, skb);
	emit_event(h, KIND_RETRANSMIT, &m);
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(u64 *ctx)
{
	struct here h;
	s32 err = 0;

	if (!enter(&h, ctx))
		return 0;
	if (retransmit_args >= 3)
		err = ctx[2];
	retransmitted(&h, (const struct sock *)ctx[0], (const struct sk_buff *)ctx[1], err);
	leave(&h);
	return 0;
}

/* The first argument is the listener; the connection is only a request yet. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack, const struct sock *listener, const struct request_sock *req)
{
	const struct sock *sk = (const struct sock *)req;
	struct moment m = {
		.sk = sk,
		.state = TCP_NEW_SYN_RECV,
		.reason = ABSENT32,
		.direction = DIRECTION_OUT,
		.flags = EVENT_MINISOCK,
	};
	struct here h;

	if (!enter(&h, ctx))
		return 0;
	emit_event(&h, KIND_RETRANSMIT_SYNACK, &m);
	leave(&h);
	return 0;
}

#endif
