/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_send_reset and tcp:tcp_receive_reset. */
#ifndef TCPLEDGER_RESET_H
#define TCPLEDGER_RESET_H

#include "../event.h"
#include "../evidence.h"
#include "../listening.h"

/*
 * Data that comes after close is answered after the socket is destroyed, on the same
 * CPU. The socket is still in CLOSE; otherwise its memory belongs to a new one.
 * False: the socket was tcpledger's, and its reset is left out.
 */
static __always_inline bool match_last_destroyed(struct exec_ctx *ec, struct event_args *args)
{
	if (ec->cpu->last_destroyed_sk != (u64)args->sk)
		return true;
	ec->cpu->last_destroyed_sk = 0;
	if (args->state != TCP_CLOSE)
		return true;
	args->conn_number = ec->cpu->last_destroyed_conn;
	args->role = ec->cpu->last_destroyed_role;
	if (args->conn_number)
		return true;
	count(TOTAL_OWN + KIND_RESET_SENT);
	return false;
}

#define RESET_NOTED (STATE_RESET_SENT | STATE_RESET_LATER | STATE_RESET_ANSWER)

/* A reset that refuses a packet does not end the connection: SYN_SENT sends such resets. */
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

/* The TIME_WAIT of one of tcpledger's connections has its cookie, and nothing else of it. */
static __always_inline bool was_own(const struct sock *sk)
{
	u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);

	if (!cookie || !bpf_map_lookup_elem(&own_cookies, &cookie))
		return false;
	count(TOTAL_OWN + KIND_RESET_SENT);
	return true;
}

/* False: the reset is left out. */
static __always_inline bool describe_reset(struct exec_ctx *ec, struct event_args *args)
{
	if (!args->sk) {
		args->flags |= EVENT_NO_SOCKET;
		return true;
	}
	args->state = state_of(args->sk);
	if (!args->full) {
		args->flags |= EVENT_MINISOCK;
		return !was_own(args->sk);
	}
	args->exempt = args->state != TCP_LISTEN;
	args->hint = lock_context(args->sk);
	args->conn = find_conn(args->sk);
	return args->conn || match_last_destroyed(ec, args);
}

static __always_inline void emit_reset_sent(struct exec_ctx *ec, const struct sock *sk,
				       const struct sk_buff *skb, u32 reason)
{
	struct packet p = {};
	struct event_args args = {
		.sk = sk,
		.full = full_socket(sk),
		.reason = reason,
		.direction = DIRECTION_OUT,
		.stack = true,
	};
	struct conn_state *c;

	if (!describe_reset(ec, &args))
		return;
	if (skb)
		args.flags |= EVENT_WITH_PACKET;
	if (skb && parse_packet(&p, skb) == PACKET_TCP) {
		args.packet = &p; /* the packet that the reset answers */
		args.skb = skb;
		args.by_packet = !args.full || args.state == TCP_LISTEN;
		if (args.state == TCP_LISTEN)
			note_aborted(sk, p.tcp_flags, reason);
	} else if (!sk) {
		return;
	}
	c = (struct conn_state *)args.conn;
	emit_event(ec, KIND_RESET_SENT, &args);
	if (c)
		note_reset_sent(c, reason, skb);
}

static __always_inline int handle_reset_sent(u64 *ctx)
{
	u32 reason = ABSENT32;
	struct exec_ctx ec;

	if (!nesting_enter(&ec, ctx))
		return 0;
	if (send_reset_args >= 3)
		reason = ctx[2];
	emit_reset_sent(&ec, (const struct sock *)ctx[0], (const struct sk_buff *)ctx[1], reason);
	nesting_leave(&ec);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int on_reset_sent(u64 *ctx)
{
	return handle_reset_sent(ctx);
}

/*
 * Runs after on_reset_sent and makes up for it if the kernel skipped it: the state
 * then has no note of the reset. A reset without a connection leaves no such trace:
 * if on_reset_sent missed it, there is no record.
 */
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
		return c->flags & RESET_NOTED ? 0 : handle_reset_sent(ctx);
	cpu = bpf_map_lookup_elem(&cpus, &zero);
	return cpu && cpu->last_destroyed_sk == (u64)sk ? handle_reset_sent(ctx) : 0;
}

static __always_inline void emit_reset_received(struct exec_ctx *ec, struct sock *sk)
{
	struct conn_state *c = find_conn(sk);
	struct event_args args = {
		.sk = sk,
		.full = true,
		.conn = c,
		.state = state_of(sk),
		.reason = ABSENT32,
		.direction = DIRECTION_IN,
		.hint = lock_context(sk),
		.exempt = true,
		.stack = true,
	};

	if (c && !(c->flags & STATE_CLOSED))
		c->flags |= STATE_RESET_RECEIVED;
	emit_event(ec, KIND_RESET_RECEIVED, &args);
}

static __always_inline int handle_reset_received(void *ctx, struct sock *sk)
{
	struct exec_ctx ec;

	if (!nesting_enter(&ec, ctx))
		return 0;
	emit_reset_received(&ec, sk);
	nesting_leave(&ec);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in, struct sock *sk)
{
	return handle_reset_received(ctx, sk);
}

/* Runs after on_reset_in and makes up for it if the kernel skipped it. */
SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in_missed, struct sock *sk)
{
	const struct conn_state *c = find_conn(sk);

	if (!c || c->flags & (STATE_RESET_RECEIVED | STATE_CLOSED))
		return 0;
	return handle_reset_received(ctx, sk);
}

#endif
