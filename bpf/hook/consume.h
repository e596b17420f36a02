/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * skb:consume_skb of sockets past ESTABLISHED, off by default. Mostly a network card
 * frees what it sent, in whatever task it interrupts. The kernel's control socket is
 * a raw socket that sends resets and TIME_WAIT acknowledgements.
 */
#ifndef TCPLEDGER_CONSUME_H
#define TCPLEDGER_CONSUME_H

#include "../event.h"

static __always_inline bool describe_consumed(struct event_args *args, const struct sock *sk)
{
	if (!sk || !full_socket(sk) || !is_ip(sk))
		return false;
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return false;
	args->sk = sk;
	args->full = true;
	args->state = state_of(sk);
	if (BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
		args->flags |= EVENT_CONTROL_SOCKET;
	else if (args->state <= TCP_SYN_RECV)
		return false;
	return true;
}

static __always_inline void emit_consumed(struct exec_ctx *ec, const struct sk_buff *skb, struct event_args *args)
{
	bool raw = args->flags & EVENT_CONTROL_SOCKET;
	struct packet p = {};

	if (parse_packet(&p, skb) == PACKET_TCP) {
		args->packet = &p;
		args->by_packet = true;
		args->outgoing = p.outgoing;
		args->direction = p.outgoing ? DIRECTION_OUT : DIRECTION_IN;
		args->flags |= EVENT_WITH_PACKET;
	} else if (raw) {
		return;
	}
	if (!raw)
		args->conn = find_conn(args->sk);
	emit_event(ec, KIND_SKB_CONSUMED, args);
}

SEC("tp_btf/consume_skb")
int on_consume(u64 *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];
	struct event_args args = { .reason = ABSENT32, .stack = true };
	struct exec_ctx ec;

	if (!describe_consumed(&args, BPF_CORE_READ(skb, sk)) || !nesting_enter(&ec, ctx))
		return 0;
	emit_consumed(&ec, skb, &args);
	nesting_leave(&ec);
	return 0;
}

#endif
