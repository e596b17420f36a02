/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* skb:kfree_skb: packets the kernel threw away, TCP only. */
#ifndef TCPLEDGER_DROP_H
#define TCPLEDGER_DROP_H

#include "event.h"

static __always_inline void drop_socket(struct moment *m, const struct sock *sk)
{
	if (!sk || !is_ip(sk))
		return;
	m->full = full_socket(sk);
	if (m->full && !is_tcp(sk))
		return;
	m->sk = sk;
	m->state = state_of(sk);
	if (m->full)
		m->conn = find_conn(sk);
	else
		m->flags |= EVENT_MINISOCK;
}

static __always_inline void drop_direction(struct moment *m, const struct packet *p)
{
	m->outgoing = p->outgoing;
	if (!p->outgoing)
		m->direction = DIRECTION_IN;
	else if (m->sk)
		m->direction = DIRECTION_OUT;
}

static __always_inline void dropped(struct here *h, const struct sk_buff *skb,
				    const struct sock *sk, u32 reason)
{
	struct packet p = {};
	struct moment m = {
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
	drop_socket(&m, sk ? sk : BPF_CORE_READ(skb, sk));
	drop_direction(&m, &p);
	emit_event(h, KIND_DROP, &m);
}

SEC("tp_btf/kfree_skb")
int on_drop(u64 *ctx)
{
	const struct sock *sk = NULL;
	u32 reason = ABSENT32;
	struct here h;

	if (!enter(&h, ctx))
		return 0;
	if (kfree_skb_args >= 3)
		reason = ctx[2];
	if (kfree_skb_args >= 4)
		sk = (const struct sock *)ctx[3];
	dropped(&h, (const struct sk_buff *)ctx[0], sk, reason);
	leave(&h);
	return 0;
}

#endif
