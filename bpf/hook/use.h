/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tcp:tcp_rcv_space_adjust and sock:sock_send_length: a task reads from a socket
 * or writes into it. That task is the owner.
 */
#ifndef TCPLEDGER_USE_H
#define TCPLEDGER_USE_H

#include "../sockmap.h"

static __always_inline void discover_by_use(void *ctx, struct sock *sk, u8 how)
{
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	struct conn_state fresh, *c;
	struct exec_ctx ec;

	if (state == TCP_CLOSE || state == TCP_LISTEN || !nesting_enter(&ec, ctx))
		return;
	c = discover_conn(&ec, sk, state, &fresh);
	learn_owner(c, how);
	note_sockmap(sk, c);
	nesting_leave(&ec);
}

/* Runs at every read and write: one lookup if the owner is known. */
static __always_inline void note_use(void *ctx, struct sock *sk, u8 how)
{
	struct conn_state *c = find_conn(sk);

	if (!c) {
		discover_by_use(ctx, sk, how);
		return;
	}
	learn_owner(c, how);
	note_sockmap(sk, c);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	if (BPF_CORE_READ(sk, sk_lock.owned))
		note_use(ctx, sk, OWNER_READ);
	return 0;
}

/* The tracepoint fires for every protocol. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int length)
{
	if (length > 0 && is_tcp(sk))
		note_use(ctx, sk, OWNER_WRITE);
	return 0;
}

#endif
