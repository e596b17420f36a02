/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:inet_sock_set_state: the life of a connection, and the record at its end. */
#ifndef TCPLEDGER_STATE_H
#define TCPLEDGER_STATE_H

#include "connection.h"
#include "listener.h"

static __always_inline void note_first_fin(struct here *h, const struct sock *sk,
					   struct conn_state *c, u8 who)
{
	if (c->first_who)
		return;
	c->first_who = who;
	c->first_at = h->now;
	c->first_evidence = holder_evidence(sk);
	fill_context(&c->first_context, state_context(sk, TCP_FIN_WAIT1));
	if (!(c->flags & STATE_OWN) && enabled(KIND_CONNECTION))
		c->first_stack = take_stack(h);
}

static __always_inline void note_change(struct here *h, const struct sock *sk,
					struct conn_state *c, u8 new)
{
	if (new == TCP_ESTABLISHED && c->opened_at && c->connect_us == ABSENT32)
		c->connect_us = (h->now - c->opened_at) / 1000;
	if (new == TCP_ESTABLISHED)
		hint_owner(sk, c);
	if ((new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK) && BPF_CORE_READ(sk, sk_lock.owned))
		learn_owner(c, OWNER_CLOSE);
	if (new == TCP_FIN_WAIT1)
		note_first_fin(h, sk, c, SIDE_LOCAL);
	else if (new == TCP_CLOSE_WAIT)
		note_first_fin(h, sk, c, SIDE_PEER);
	note_tuple(sk, c, new);
	c->flags &= ~STATE_DISCOVERED;
	c->state = new;
	c->state_at = h->now;
}

/* Whoever aborts a foreign socket (ss -K) holds it, but does not own it. */
static __always_inline void note_close(struct here *h, struct sock *sk, struct conn_state *c, u8 old)
{
	if (BPF_CORE_READ(sk, sk_lock.owned) && BPF_CORE_READ(sk, sk_err) != ECONNABORTED)
		learn_owner(c, OWNER_CLOSE);
	if (c->flags & STATE_CLOSED)
		return;
	emit_connection(h, sk, c, old, 0);
	c->flags |= STATE_CLOSED;
	c->state = TCP_CLOSE;
	c->state_at = h->now;
}

/* A listener is no connection, not even the one it was; but its children have nobody else at first. */
static __always_inline bool listening(const struct sock *sk, u8 old, u8 new)
{
	u64 key = (u64)sk;

	if (new == TCP_LISTEN) {
		bpf_map_delete_elem(&conns, &key);
		note_listener(sk, current_task());
	} else if (old == TCP_LISTEN && new == TCP_CLOSE)
		forget_listener(sk);
	else
		return false;
	return true;
}

static __always_inline void follow(struct here *h, struct sock *sk, u8 old, u8 new)
{
	struct conn_state *c, fresh;

	if (old == new || listening(sk, old, new))
		return;
	if (new == TCP_SYN_SENT || (old == TCP_LISTEN && new == TCP_SYN_RECV)) {
		open_conn(h, sk, new);
		return;
	}
	c = find_conn(sk);
	if (!c)
		c = meet_conn(h, sk, old, &fresh);
	else if (c->flags & STATE_SEEDED)
		want_cookie(sk);
	if (new == TCP_CLOSE)
		note_close(h, sk, c, old);
	else
		note_change(h, sk, c, new);
}

static __always_inline void emit_state(struct here *h, struct sock *sk, u8 old, u8 new)
{
	struct moment m = {
		.sk = sk,
		.full = true,
		.conn = find_conn(sk),
		.state = new,
		.old_state = old,
		.new_state = new,
		.reason = ABSENT32,
		.error = BPF_CORE_READ(sk, sk_err),
		.hint = state_context(sk, new),
	};

	emit_event(h, KIND_STATE, &m);
}

static __always_inline int change(void *ctx, struct sock *sk, int old, int new)
{
	struct here h;

	if (!is_tcp(sk) || !enter(&h, ctx))
		return 0;
	follow(&h, sk, old, new);
	if (enabled(KIND_STATE))
		emit_state(&h, sk, old, new);
	leave(&h);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
	return change(ctx, sk, old, new);
}

/* Not followed yet. Without a state only a beginning tells, unless the map was full then. */
static __always_inline bool missed(const struct sock *sk, u8 old, u8 new)
{
	const struct conn_state *c = find_conn(sk);
	struct cpu *cpu;
	u32 zero = 0;

	if (c)
		return c->state != new;
	if (new != TCP_SYN_SENT && !(old == TCP_LISTEN && new == TCP_SYN_RECV))
		return false;
	cpu = bpf_map_lookup_elem(&cpus, &zero);
	return cpu && cpu->unkept_sk != (u64)sk;
}

/*
 * The kernel skips on_state where it interrupts itself, a packet a system call.
 * This one, attached after it, then finds the state not followed, and follows.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_missed, struct sock *sk, int old, int new)
{
	if (old == new || new == TCP_LISTEN || (old == TCP_LISTEN && new == TCP_CLOSE))
		return 0;
	return missed(sk, old, new) ? change(ctx, sk, old, new) : 0;
}

#endif
