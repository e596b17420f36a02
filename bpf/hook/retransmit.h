/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack. */
#ifndef TCPLEDGER_RETRANSMIT_H
#define TCPLEDGER_RETRANSMIT_H

#include "../event.h"
#include "../evidence.h"

/* A queued packet has no TCP header yet. Its control block has the flags and numbers. */
static __always_inline void packet_of_queue(struct packet *p, const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = (const void *)__builtin_preserve_access_index(&skb->cb);
	u32 end = BPF_CORE_READ(cb, end_seq);
	u8 flags = BPF_CORE_READ(cb, tcp_flags);

	p->seq = BPF_CORE_READ(cb, seq);
	p->tcp_flags = flags;
	p->length = end - p->seq - (flags & 1) - (flags >> 1 & 1);
}

static __always_inline void emit_retransmit(struct exec_ctx *ec, const struct sock *sk,
					  const struct sk_buff *skb, s32 err)
{
	struct packet p = {};
	struct event_args args = {
		.sk = sk,
		.full = true,
		.conn = find_conn(sk),
		.packet = &p,
		.state = state_of(sk),
		.reason = ABSENT32,
		.error = err < 0 ? -err : 0,
		.direction = DIRECTION_OUT,
		.flags = EVENT_WITH_PACKET,
		.hint = lock_context(sk),
	};

	packet_of_queue(&p, skb);
	emit_event(ec, KIND_RETRANSMIT, &args);
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(u64 *ctx)
{
	struct exec_ctx ec;
	s32 err = 0;

	if (!nesting_enter(&ec, ctx))
		return 0;
	if (retransmit_args >= 3)
		err = ctx[2];
	emit_retransmit(&ec, (const struct sock *)ctx[0], (const struct sk_buff *)ctx[1], err);
	nesting_leave(&ec);
	return 0;
}

/* The first argument is the listener. The connection is a request socket. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack, const struct sock *listener, const struct request_sock *req)
{
	const struct sock *sk = (const struct sock *)req;
	struct event_args args = {
		.sk = sk,
		.state = TCP_NEW_SYN_RECV,
		.reason = ABSENT32,
		.direction = DIRECTION_OUT,
		.flags = EVENT_MINISOCK,
	};
	struct exec_ctx ec;

	if (!nesting_enter(&ec, ctx))
		return 0;
	emit_event(&ec, KIND_RETRANSMIT_SYNACK, &args);
	nesting_leave(&ec);
	return 0;
}

#endif
