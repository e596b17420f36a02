/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack. */
#ifndef TCPLEDGER_RETRANSMIT_H
#define TCPLEDGER_RETRANSMIT_H

#include "../event.h"
#include "../evidence.h"
#include "../handshake.h"

#define LONGEST_SEND_NS 1000000000ULL
#define SYN_ACK 0x12

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

/* The congestion state and the timer that is due now tell why. ABSENT32: not to be read. */
static __always_inline u32 why_retransmitted(const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;

	if (!bpf_core_field_exists(icsk->icsk_ca_state) || !bpf_core_field_exists(icsk->icsk_pending))
		return ABSENT32;
	return BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state) | (u32)BPF_CORE_READ(icsk, icsk_pending) << 8;
}

/*
 * When the kernel began to send: the segment may have been dropped on this host since
 * then. Its drop must not come before it.
 */
static __always_inline u64 retransmit_began(struct exec_ctx *ec, const struct tcp_sock *tp)
{
	u64 now = bpf_ktime_get_ns(), began = BPF_CORE_READ(tp, tcp_clock_cache);

	return began && now > began && now - began < LONGEST_SEND_NS ? ec->now - (now - began) : ec->now;
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
		.at = retransmit_began(ec, (const struct tcp_sock *)sk),
		.reason = why_retransmitted((const struct tcp_sock *)sk),
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
	struct packet p = {
		.seq = BPF_CORE_READ((const struct tcp_request_sock *)req, snt_isn),
		.tcp_flags = SYN_ACK,
	};
	struct event_args args = {
		.sk = sk,
		.packet = &p,
		.state = TCP_NEW_SYN_RECV,
		.reason = ABSENT32,
		.direction = DIRECTION_OUT,
		.flags = EVENT_MINISOCK | EVENT_WITH_PACKET,
	};
	struct exec_ctx ec;

	if (!nesting_enter(&ec, ctx))
		return 0;
	note_handshake(listener, sk);
	emit_event(&ec, KIND_RETRANSMIT_SYNACK, &args);
	nesting_leave(&ec);
	return 0;
}

#endif
