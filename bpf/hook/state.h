/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:inet_sock_set_state: the life of a connection, and the record at its end. */
#ifndef TCPLEDGER_STATE_H
#define TCPLEDGER_STATE_H

#include "../conn_record.h"
#include "../event.h"
#include "../handshake.h"
#include "../sockmap.h"

static __always_inline void note_first_fin(struct exec_ctx *ec, const struct sock *sk,
					   struct conn_state *c, u8 who)
{
	if (c->first_who)
		return;
	c->first_who = who;
	c->first_at = ec->now;
	c->first_evidence = holder_evidence(sk);
	fill_context(&c->first_context, state_context(sk, TCP_FIN_WAIT1));
	if (!(c->flags & STATE_OWN) && enabled(KIND_CONNECTION))
		c->first_stack = capture_stack(ec);
}

static __always_inline void note_change(struct exec_ctx *ec, const struct sock *sk,
					struct conn_state *c, u8 new)
{
	if (new == TCP_ESTABLISHED && c->opened_at && c->connect_us == ABSENT32)
		c->connect_us = (ec->now - c->opened_at) / 1000;
	if (new == TCP_FIN_WAIT1)
		note_first_fin(ec, sk, c, SIDE_LOCAL);
	else if (new == TCP_CLOSE_WAIT)
		note_first_fin(ec, sk, c, SIDE_PEER);
	note_tuple(sk, c, new);
	c->state = new;
	c->state_at = ec->now;
}

static __always_inline void note_close(struct exec_ctx *ec, struct sock *sk, struct conn_state *c, u8 old)
{
	if (c->flags & STATE_CLOSED)
		return;
	emit_connection(ec, sk, c, old, 0);
	c->flags |= STATE_CLOSED;
	c->state = TCP_CLOSE;
	c->state_at = ec->now;
}

/* A listener is no connection. Who holds it is the hint for its children. False: no listener. */
static __always_inline bool track_listener(struct exec_ctx *ec, const struct sock *sk, u8 old, u8 new)
{
	u64 key = (u64)sk;

	if (new == TCP_LISTEN) {
		bpf_map_delete_elem(&conns, &key);
		begin_listener(sk);
		begin_listening(sk, BPF_CORE_READ(current_task(), group_leader), ec->now, OWNER_LISTEN);
	} else if (old == TCP_LISTEN && new == TCP_CLOSE) {
		forget_listener(sk);
		end_listening(sk, ec->now);
	} else {
		return false;
	}
	return true;
}

/* A process that aborts another one's socket (ss -K) has the lock, and is not the owner. */
static __always_inline bool closed_by_task(const struct sock *sk, u8 new)
{
	if (new != TCP_FIN_WAIT1 && new != TCP_LAST_ACK && new != TCP_CLOSE)
		return false;
	if (!BPF_CORE_READ(sk, sk_lock.owned))
		return false;
	return new != TCP_CLOSE || BPF_CORE_READ(sk, sk_err) != ECONNABORTED;
}

static __always_inline void track_state(struct exec_ctx *ec, struct sock *sk, u8 old, u8 new)
{
	struct conn_state *c, fresh;

	if (old == new || track_listener(ec, sk, old, new))
		return;
	if (new == TCP_SYN_SENT || (old == TCP_LISTEN && new == TCP_SYN_RECV)) {
		open_conn(ec, sk, new);
		return;
	}
	if (old == TCP_SYN_RECV)
		end_handshake(sk);
	c = find_conn(sk);
	if (!c)
		c = discover_conn(ec, sk, old, &fresh);
	else if (c->flags & STATE_SEEDED)
		want_cookie(sk);
	note_sockmap(sk, c);
	if (closed_by_task(sk, new))
		learn_owner(c, OWNER_CLOSE);
	if (new == TCP_CLOSE)
		note_close(ec, sk, c, old);
	else
		note_change(ec, sk, c, new);
}

static __always_inline void emit_state(struct exec_ctx *ec, struct sock *sk, u8 old, u8 new)
{
	struct event_args args = {
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

	emit_event(ec, KIND_STATE, &args);
}

static __always_inline int handle_state(void *ctx, struct sock *sk, int old, int new)
{
	struct exec_ctx ec;

	if (!is_tcp(sk) || !nesting_enter(&ec, ctx))
		return 0;
	track_state(&ec, sk, old, new);
	if (enabled(KIND_STATE))
		emit_state(&ec, sk, old, new);
	nesting_leave(&ec);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
	return handle_state(ctx, sk, old, new);
}

/*
 * True if on_state did not see this change. The state map shows it. A connection that
 * begins has no state yet: it was missed unless the state map was full.
 */
static __always_inline bool state_missed(const struct sock *sk, u8 old, u8 new)
{
	const struct conn_state *c = find_conn(sk);
	struct cpu *cpu;
	u32 zero = 0;

	if (c)
		return c->state != new;
	if (new != TCP_SYN_SENT && !(old == TCP_LISTEN && new == TCP_SYN_RECV))
		return false;
	cpu = bpf_map_lookup_elem(&cpus, &zero);
	return cpu && cpu->overflow_sk != (u64)sk;
}

/*
 * The kernel skips a program that is already running on this CPU: a packet interrupts
 * a system call inside on_state. This program runs after on_state and makes up for it.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_missed, struct sock *sk, int old, int new)
{
	if (old == new || new == TCP_LISTEN || (old == TCP_LISTEN && new == TCP_CLOSE))
		return 0;
	return state_missed(sk, old, new) ? handle_state(ctx, sk, old, new) : 0;
}

#endif
