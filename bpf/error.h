/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:inet_sk_error_report: the errno an application is about to see. */
#ifndef TCPLEDGER_ERROR_H
#define TCPLEDGER_ERROR_H

#include "event.h"

/*
 * An abort of our own says ECONNRESET, too: a reset of this connection went out
 * before. tcp_disconnect has forgotten the peer by then, also where it sent no
 * reset (out of SYN_SENT).
 */
static __always_inline bool self_made(const struct sock *sk, const struct conn_state *c, u32 error)
{
	if (error != ECONNRESET)
		return false;
	if (c && c->flags & (STATE_RESET_SENT | STATE_RESET_LATER))
		return true;
	return !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/* tcp_disconnect and soft ICMP errors report 0, which is none. */
static __always_inline void reported(struct here *h, const struct sock *sk)
{
	struct moment m = {
		.sk = sk,
		.full = true,
		.conn = find_conn(sk),
		.state = state_of(sk),
		.reason = ABSENT32,
		.error = BPF_CORE_READ(sk, sk_err),
		.stack = true,
	};

	if (!m.error || self_made(sk, m.conn, m.error)) {
		count(TOTAL_ERRORS_FILTERED);
		return;
	}
	emit_event(h, KIND_ERROR, &m);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_error, const struct sock *sk)
{
	struct here h;

	if (!is_tcp(sk) || !enter(&h, ctx))
		return 0;
	reported(&h, sk);
	leave(&h);
	return 0;
}

#endif
