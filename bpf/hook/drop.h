/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* skb:kfree_skb: TCP packets that the kernel throws away. */
#ifndef TCPLEDGER_DROP_H
#define TCPLEDGER_DROP_H

#include "../event.h"
#include "../handshake.h"

static __always_inline void drop_socket(struct event_args *args, const struct sock *sk)
{
	if (!sk || !is_ip(sk))
		return;
	args->full = full_socket(sk);
	if (args->full && !is_tcp(sk))
		return;
	args->sk = sk;
	args->state = state_of(sk);
	if (args->full)
		args->conn = find_conn(sk);
	else
		args->flags |= EVENT_MINISOCK;
}

static __always_inline void drop_direction(struct event_args *args, const struct packet *p)
{
	args->outgoing = p->outgoing;
	if (!p->outgoing)
		args->direction = DIRECTION_IN;
	else if (args->sk)
		args->direction = DIRECTION_OUT;
}

static __always_inline void emit_drop(struct exec_ctx *ec, const struct sk_buff *skb,
				    const struct sock *sk, u32 reason)
{
	struct packet p = {};
	struct event_args args = {
		.packet = &p,
		.skb = skb,
		.reason = reason,
		.flags = EVENT_WITH_PACKET,
		.by_packet = true,
		.stack = true,
	};
	enum parsed parsed;

	if (bpf_map_lookup_elem(&ignored_drops, &reason)) {
		count(TOTAL_DROPS_IGNORED);
		return;
	}
	parsed = parse_packet(&p, skb);
	if (parsed != PACKET_TCP) {
		count(parsed == PACKET_OTHER ? TOTAL_DROPS_NOT_TCP : TOTAL_DROPS_UNPARSED);
		return;
	}
	drop_socket(&args, sk ? sk : BPF_CORE_READ(skb, sk));
	drop_direction(&args, &p);
	emit_event(ec, KIND_DROP, &args);
}

SEC("tp_btf/kfree_skb")
int on_drop(u64 *ctx)
{
	const struct sock *sk = NULL;
	u32 reason = ABSENT32;
	struct exec_ctx ec;

	if (!nesting_enter(&ec, ctx))
		return 0;
	if (kfree_skb_args >= 3)
		reason = ctx[2];
	if (kfree_skb_args >= 4)
		sk = (const struct sock *)ctx[3];
	note_discarded(sk, (const struct sk_buff *)ctx[0], reason);
	note_handshake_reset(sk, (const struct sk_buff *)ctx[0], reason);
	emit_drop(&ec, (const struct sk_buff *)ctx[0], sk, reason);
	nesting_leave(&ec);
	return 0;
}

#endif
