/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One way to fill an event, whatever hook it comes from. */
#ifndef TCPLEDGER_EVENT_H
#define TCPLEDGER_EVENT_H

#include "conn.h"
#include "stack.h"

struct moment {
	const struct sock *sk; /* NULL: none */
	const struct conn_state *conn;
	const struct packet *packet; /* what flags and sequence come from */
	const struct sk_buff *skb;   /* whose device stands in for a missing sk */
	u64 conn_number;             /* where conn is gone already */
	u32 reason;
	u32 error;
	u8 direction;
	u8 state;
	u8 old_state;
	u8 new_state;
	u8 flags;
	u8 hint;        /* of the context */
	bool full;      /* sk may be read beyond sock_common */
	bool by_packet; /* addresses from the packet, not the socket */
	bool outgoing;  /* the packet's source is this side */
	bool exempt;    /* from the budget */
	bool stack;
};

FUNCTION void fill_event_tuple(struct event *e, const struct moment *m)
{
	if (m->sk && !m->by_packet)
		fill_tuple(&e->tuple, m->sk, m->full);
	else if (m->sk)
		fill_identity(&e->tuple, m->sk);
	else if (m->skb)
		fill_netns_device(&e->tuple, m->skb);
	if (m->by_packet && m->packet)
		fill_tuple_packet(&e->tuple, m->packet, m->outgoing);
	e->tuple.conn = m->conn_number;
}

static __always_inline void fill_event_conn(struct event *e, const struct conn_state *c)
{
	e->tuple.conn = c->tuple.conn;
	e->owner = c->owner;
	if (c->flags & STATE_CLOSED)
		e->flags |= EVENT_CLOSED;
}

static __always_inline void fill_event_packet(struct event *e, const struct packet *p)
{
	e->length = p->length;
	e->packet_seq = p->seq;
	e->packet_ack = p->ack;
	e->tcp_flags = p->tcp_flags;
}

/* Nothing where the kind is off, ours, over its budget, or the ring full. */
FUNCTION void emit_event(struct here *h, u8 kind, const struct moment *m)
{
	struct event *e;
	u64 stack = 0;

	if (!enabled(kind) || is_own(m->conn, kind) || (!m->exempt && !within_budget(h, kind)))
		return;
	if (m->stack)
		stack = take_stack(h);
	e = begin(h, kind, struct event);
	if (!e)
		return;
	__builtin_memset((void *)e + sizeof(e->head), 0, sizeof(*e) - sizeof(e->head));
	e->stack = stack;
	e->reason = m->reason;
	e->error = m->error;
	e->direction = m->direction;
	e->state = m->state;
	e->old_state = m->old_state;
	e->new_state = m->new_state;
	e->flags = m->flags;
	fill_context(&e->context, m->hint);
	fill_event_tuple(e, m);
	if (m->conn)
		fill_event_conn(e, m->conn);
	if (m->packet)
		fill_event_packet(e, m->packet);
	finish(e);
}

static __always_inline u8 state_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
}

#endif
