/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The state of each connection, from the first hook that sees it to tcp_destroy_sock. */
#ifndef TCPLEDGER_CONN_H
#define TCPLEDGER_CONN_H

#include "emit.h"
#include "listener.h"
#include "sock.h"

static __always_inline struct conn_state *find_conn(const struct sock *sk)
{
	u64 key = (u64)sk;

	return bpf_map_lookup_elem(&conns, &key);
}

/* Makes the kernel give the socket its cookie, if a program may ask for it. */
static __always_inline void want_cookie(struct sock *sk)
{
	if (cookie_helper)
		bpf_get_socket_cookie(sk);
}

FUNCTION void init_conn(struct exec_ctx *ec, struct conn_state *c, u8 state)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->tuple.conn = next_conn_number(ec);
	c->opened_at = ec->now;
	c->state_at = ec->now;
	c->connect_us = ABSENT32;
	c->reset_reason = ABSENT32;
	c->state = state;
}

/* The copy in the map; NULL if the map is full. */
static __always_inline struct conn_state *store_conn(const struct sock *sk, struct conn_state *fresh)
{
	u64 key = (u64)sk;

	if (bpf_map_update_elem(&conns, &key, fresh, BPF_ANY))
		count(TOTAL_STATE_MAP_FULL);
	return bpf_map_lookup_elem(&conns, &key);
}

/* connect() in repair mode sends no SYN: it goes on with another socket's connection, of either side. */
static __always_inline void open_client(const struct sock *sk, struct conn_state *c)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	if (BPF_CORE_READ_BITFIELD_PROBED(tp, repair)) {
		c->flags |= STATE_RESTORED;
		c->opened_at = 0;
	} else {
		c->role = ROLE_CLIENT;
	}
	if (BPF_CORE_READ(sk, sk_error_queue.qlen))
		c->flags |= STATE_ERRORS_QUEUED;
}

/* A connection begins. Its state replaces what an earlier connection of the same sk left. */
static __always_inline void open_conn(struct exec_ctx *ec, struct sock *sk, u8 state)
{
	struct conn_state fresh;

	want_cookie(sk);
	init_conn(ec, &fresh, state);
	if (state == TCP_SYN_SENT) {
		open_client(sk, &fresh);
		learn_owner(&fresh, OWNER_CONNECT);
	} else {
		fresh.role = ROLE_SERVER;
		hint_owner(sk, &fresh);
	}
	ec->cpu->overflow_sk = store_conn(sk, &fresh) ? 0 : (u64)sk;
}

/* The agent's scan cannot read a socket, so the state gets the tuple when the connection is past ESTABLISHED. */
static __always_inline void note_tuple(const struct sock *sk, struct conn_state *c, u8 state)
{
	if (!enabled(KIND_LINGERING) || c->tuple.local_port)
		return;
	if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSE_WAIT ||
	    state == TCP_LAST_ACK || state == TCP_CLOSING)
		fill_tuple(&c->tuple, sk, true);
}

/* A connection that is older than the agent. Its state may tell who sent the first FIN. */
static __always_inline void init_old_conn(struct exec_ctx *ec, struct conn_state *fresh, u8 state)
{
	init_conn(ec, fresh, state);
	fresh->opened_at = 0;
	fresh->flags = STATE_BEGAN_BEFORE;
	if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2)
		fresh->first_who = SIDE_LOCAL;
	else if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		fresh->first_who = SIDE_PEER;
	count(TOTAL_BEGAN_BEFORE);
}

/* The state of a connection that no hook has seen. If the map is full it is fresh, good for this event only. */
static __always_inline struct conn_state *discover_conn(struct exec_ctx *ec, struct sock *sk, u8 state,
						    struct conn_state *fresh)
{
	struct conn_state *c;

	want_cookie(sk);
	init_old_conn(ec, fresh, state);
	note_tuple(sk, fresh, state);
	c = store_conn(sk, fresh);
	return c ? c : fresh;
}

/* Counts a record of tcpledger's own connection, which is left out. */
static __always_inline bool is_own(const struct conn_state *c, u32 kind)
{
	if (!c || !(c->flags & STATE_OWN))
		return false;
	count(TOTAL_OWN + kind);
	return true;
}

#endif
