/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * skb:consume_skb of sockets past ESTABLISHED, off by default. Mostly a network
 * card freeing what it sent, in whatever task it interrupted; and the kernel's
 * control socket, a raw socket that sends resets and TIME_WAIT acknowledgements.
 */
#ifndef TCPLEDGER_CONSUME_H
#define TCPLEDGER_CONSUME_H

#include "event.h"

static __always_inline bool watched(struct moment *m, const struct sock *sk)
{
	if (!sk || !full_socket(sk) || !is_ip(sk))
		return false;
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return false;
	m->sk = sk;
	m->full = true;
	m->state = state_of(sk);
	if (BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
		m->flags |= EVENT_CONTROL_SOCKET;
	else if (m->state <= TCP_SYN_RECV)
		return false;
	return true;
}

static __always_inline void consumed(struct here *h, const struct sk_buff *skb, struct moment *m)
{
	bool raw = m->flags & EVENT_CONTROL_SOCKET;
	struct packet p = {};

	if (parse_packet(&p, skb) == PACKET_TCP) {
		m->packet = &p;
		m->by_packet = true;
		m->outgoing = p.outgoing;
		m->direction = p.outgoing ? DIRECTION_OUT : DIRECTION_IN;
		m->flags |= EVENT_WITH_PACKET;
	} else if (raw) {
		return;
	}
	if (!raw)
		m->conn = find_conn(m->sk);
	emit_event(h, KIND_SKB_CONSUMED, m);
}

SEC("tp_btf/consume_skb")
int on_consume(u64 *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];
	struct moment m = { .reason = ABSENT32, .stack = true };
	struct here h;

	if (!watched(&m, BPF_CORE_READ(skb, sk)) || !enter(&h, ctx))
		return 0;
	consumed(&h, skb, &m);
	leave(&h);
	return 0;
}

#endif
