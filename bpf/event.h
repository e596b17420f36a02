/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How an event is filled, whatever hook it comes from. */
#ifndef TCPLEDGER_EVENT_H
#define TCPLEDGER_EVENT_H

#include "conn_state.h"
#include "stack.h"

struct event_args {
	const struct sock *sk; /* NULL: none */
	const struct conn_state *conn;
	const struct packet *packet; /* TCP flags and sequence numbers come from it */
	const struct sk_buff *skb;   /* its device names the namespace if there is no sk */
	u64 conn_number;             /* if the connection's state is deleted already */
	u64 at;                      /* 0: now */
	u32 reason;
	u32 error;
	u8 direction;
	u8 state;
	u8 old_state;
	u8 new_state;
	u8 flags;
	u8 role;        /* if the connection's state is deleted already */
	u8 hint;        /* about the context, from the lock */
	bool full;      /* sk has more than sock_common */
	bool by_packet; /* addresses come from the packet, not from the socket */
	bool outgoing;  /* this host is the packet's source */
	bool exempt;    /* no budget */
	bool stack;
};

FUNCTION void fill_event_tuple(struct event *e, const struct event_args *args)
{
	if (args->sk && !args->by_packet)
		fill_tuple(&e->tuple, args->sk, args->full);
	else if (args->sk)
		fill_identity(&e->tuple, args->sk);
	else if (args->skb)
		fill_netns_device(&e->tuple, args->skb);
	if (args->by_packet && args->packet)
		fill_tuple_packet(&e->tuple, args->packet, args->outgoing);
	e->tuple.conn = args->conn_number;
}

static __always_inline void fill_event_conn(struct event *e, const struct conn_state *c)
{
	e->tuple.conn = c->tuple.conn;
	e->owner = c->owner;
	e->role = c->role;
	if (c->flags & STATE_CLOSED)
		e->flags |= EVENT_CLOSED;
}

/* A listener and a request socket are the server's. */
static __always_inline u8 role_of(const struct event_args *args)
{
	return args->state == TCP_LISTEN || args->state == TCP_NEW_SYN_RECV ? ROLE_SERVER : args->role;
}

static __always_inline void fill_event_packet(struct event *e, const struct packet *p)
{
	e->length = p->length;
	e->packet_seq = p->seq;
	e->packet_ack = p->ack;
	e->tcp_flags = p->tcp_flags;
}

/* Emits nothing if the kind is off, the connection is tcpledger's, the budget is used up or the ring is full. */
FUNCTION void emit_event(struct exec_ctx *ec, u8 kind, const struct event_args *args)
{
	struct event *e;
	u64 stack = 0;

	if (!enabled(kind) || is_own(args->conn, kind) || (!args->exempt && !within_budget(ec, kind)))
		return;
	if (args->stack)
		stack = capture_stack(ec);
	e = begin_record(ec, kind, struct event);
	if (!e)
		return;
	__builtin_memset((void *)e + sizeof(e->head), 0, sizeof(*e) - sizeof(e->head));
	if (args->at)
		e->head.at = args->at;
	e->stack = stack;
	e->reason = args->reason;
	e->error = args->error;
	e->direction = args->direction;
	e->state = args->state;
	e->old_state = args->old_state;
	e->new_state = args->new_state;
	e->flags = args->flags;
	e->role = role_of(args);
	fill_context(&e->context, args->hint);
	fill_event_tuple(e, args);
	if (args->conn)
		fill_event_conn(e, args->conn);
	if (args->packet)
		fill_event_packet(e, args->packet);
	submit_record(e);
}

static __always_inline u8 state_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
}

#endif
