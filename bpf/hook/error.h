/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:inet_sk_error_report: the errno that the application is about to get. */
#ifndef TCPLEDGER_ERROR_H
#define TCPLEDGER_ERROR_H

#include "../event.h"
#include "../evidence.h"

/*
 * An abort by this host reports ECONNRESET too, after the reset it sent.
 * tcp_disconnect has cleared the peer's port by then, also if it sent no reset (in
 * SYN_SENT).
 */
static __always_inline bool self_made(const struct sock *sk, const struct conn_state *c, u32 error)
{
	if (error != ECONNRESET)
		return false;
	if (c && c->flags & (STATE_RESET_SENT | STATE_RESET_LATER))
		return true;
	return !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/*
 * An ICMP error meets a socket that connect() holds: sk_err stays 0. If nobody holds
 * the socket, the kernel ends it and reports sk_err next.
 */
static __always_inline u32 reported_error(const struct sock *sk, u8 state)
{
	u32 error = BPF_CORE_READ(sk, sk_err);

	if (error || state == TCP_CLOSE || !BPF_CORE_READ(sk, sk_lock.owned))
		return error;
	return queued_error(sk);
}

/* tcp_disconnect reports 0: no error. */
static __always_inline void emit_error(struct exec_ctx *ec, const struct sock *sk)
{
	struct conn_state *c = find_conn(sk);
	struct event_args args = {
		.sk = sk,
		.full = true,
		.conn = c,
		.state = state_of(sk),
		.reason = ABSENT32,
		.stack = true,
	};

	args.error = reported_error(sk, args.state);
	if (!args.error || self_made(sk, c, args.error)) {
		count(TOTAL_ERRORS_FILTERED);
		return;
	}
	if (c && !(c->flags & STATE_CLOSED))
		c->error_reported = args.error;
	emit_event(ec, KIND_ERROR, &args);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_error, const struct sock *sk)
{
	struct exec_ctx ec;

	if (!is_tcp(sk) || !nesting_enter(&ec, ctx))
		return 0;
	emit_error(&ec, sk);
	nesting_leave(&ec);
	return 0;
}

#endif
