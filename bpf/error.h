/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sock:inet_sk_error_report: the errno an application is about to see. */
#ifndef TCPLEDGER_ERROR_H
#define TCPLEDGER_ERROR_H

#include "event.h"

/* tcp_disconnect and soft ICMP errors report 0, local aborts report 104: neither is one. */
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

	if (!m.error || (m.conn && m.conn->flags & STATE_RESET_SENT)) {
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
