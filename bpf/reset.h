/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_send_reset and tcp:tcp_receive_reset. */
#ifndef TCPLEDGER_RESET_H
#define TCPLEDGER_RESET_H

#include "event.h"

/*
 * The answer to data after close follows the socket's destruction on the same
 * CPU, and the socket is still closed: a listener may have its place already.
 * False: that socket was ours, its reset is to stay unseen.
 */
static __always_inline bool recall_gone(struct here *h, struct moment *m)
{
	if (h->cpu->gone_sk != (u64)m->sk)
		return true;
	h->cpu->gone_sk = 0;
	if (m->state != TCP_CLOSE)
		return true;
	m->conn_number = h->cpu->gone_conn;
	if (m->conn_number)
		return true;
	count(TOTAL_OWN + KIND_RESET_SENT);
	return false;
}

#define RESET_NOTED (STATE_RESET_SENT | STATE_RESET_LATER | STATE_RESET_ANSWER)

/* A packet answered before the end is refused, and the connection goes on: SYN_SENT may do that. */
static __always_inline void note_reset_sent(struct conn_state *c, u32 reason, bool answer)
{
	if (c->flags & STATE_CLOSED) {
		c->flags |= STATE_RESET_LATER;
	} else if (answer) {
		c->flags |= STATE_RESET_ANSWER;
	} else if (!(c->flags & STATE_RESET_SENT)) {
		c->flags |= STATE_RESET_SENT;
		c->reset_reason = reason;
	}
}

/* What a connection of ours left behind in TIME_WAIT has its cookie, and no more. */
static __always_inline bool was_own(const struct sock *sk)
{
	u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);

	if (!cookie || !bpf_map_lookup_elem(&own_cookies, &cookie))
		return false;
	count(TOTAL_OWN + KIND_RESET_SENT);
	return true;
}

/* False: not to be seen. */
static __always_inline bool describe_reset(struct here *h, struct moment *m)
{
	if (!m->sk) {
		m->flags |= EVENT_NO_SOCKET;
		return true;
	}
	m->state = state_of(m->sk);
	if (!m->full) {
		m->flags |= EVENT_MINISOCK;
		return !was_own(m->sk);
	}
	m->exempt = m->state != TCP_LISTEN;
	m->hint = context_of(m->sk);
	m->conn = find_conn(m->sk);
	return m->conn || recall_gone(h, m);
}

static __always_inline void reset_sent(struct here *h, const struct sock *sk,
				       const struct sk_buff *skb, u32 reason)
{
	struct packet p = {};
	struct moment m = {
		.sk = sk,
		.full = full_socket(sk),
		.reason = reason,
		.direction = DIRECTION_OUT,
		.stack = true,
	};
	struct conn_state *c;

	if (!describe_reset(h, &m))
		return;
	if (skb)
		m.flags |= EVENT_WITH_PACKET;
	if (skb && parse_packet(&p, skb) == PACKET_TCP) {
		m.packet = &p; /* what is answered */
		m.skb = skb;
		m.by_packet = !m.full || m.state == TCP_LISTEN;
	} else if (!sk) {
		return;
	}
	c = (struct conn_state *)m.conn;
	emit_event(h, KIND_RESET_SENT, &m);
	if (c)
		note_reset_sent(c, reason, skb);
}

static __always_inline int send_reset(u64 *ctx)
{
	u32 reason = ABSENT32;
	struct here h;

	if (!enter(&h, ctx))
		return 0;
	if (send_reset_args >= 3)
		reason = ctx[2];
	reset_sent(&h, (const struct sock *)ctx[0], (const struct sk_buff *)ctx[1], reason);
	leave(&h);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int on_reset_sent(u64 *ctx)
{
	return send_reset(ctx);
}

/* As in state.h. A reset without a connection leaves no trace to tell by: missed, it is only counted. */
SEC("tp_btf/tcp_send_reset")
int on_reset_sent_missed(u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct conn_state *c;
	struct cpu *cpu;
	u32 zero = 0;

	if (!sk || !full_socket(sk))
		return 0;
	c = find_conn(sk);
	if (c)
		return c->flags & RESET_NOTED ? 0 : send_reset(ctx);
	cpu = bpf_map_lookup_elem(&cpus, &zero);
	return cpu && cpu->gone_sk == (u64)sk ? send_reset(ctx) : 0;
}

static __always_inline void reset_received(struct here *h, struct sock *sk)
{
	struct conn_state *c = find_conn(sk);
	struct moment m = {
		.sk = sk,
		.full = true,
		.conn = c,
		.state = state_of(sk),
		.reason = ABSENT32,
		.direction = DIRECTION_IN,
		.hint = context_of(sk),
		.exempt = true,
		.stack = true,
	};

	if (c && !(c->flags & STATE_CLOSED))
		c->flags |= STATE_RESET_RECEIVED;
	emit_event(h, KIND_RESET_RECEIVED, &m);
}

static __always_inline int receive_reset(void *ctx, struct sock *sk)
{
	struct here h;

	if (!enter(&h, ctx))
		return 0;
	reset_received(&h, sk);
	leave(&h);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in, struct sock *sk)
{
	return receive_reset(ctx, sk);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in_missed, struct sock *sk)
{
	const struct conn_state *c = find_conn(sk);

	if (!c || c->flags & (STATE_RESET_RECEIVED | STATE_CLOSED))
		return 0;
	return receive_reset(ctx, sk);
}

#endif
