/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_destroy_sock: the state goes; a record that no CLOSE brought comes. */
#ifndef TCPLEDGER_DESTROY_H
#define TCPLEDGER_DESTROY_H

#include "connection.h"

/* Its TIME_WAIT may answer late packets; the cookie is all that tells it then. */
static __always_inline void remember_own(const struct sock *sk)
{
	u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	u8 one = 1;

	if (cookie)
		bpf_map_update_elem(&own_cookies, &cookie, &one, BPF_ANY);
}

static __always_inline int forget_conn(void *ctx, struct sock *sk)
{
	struct conn_state *c = find_conn(sk);
	u64 key = (u64)sk;
	struct here h;

	if (!c || !enter(&h, ctx))
		return 0;
	if (!(c->flags & STATE_CLOSED))
		emit_connection(&h, sk, c, c->state, FLAG_NO_CLOSE_SEEN);
	if (c->flags & STATE_OWN)
		remember_own(sk);
	h.cpu->gone_sk = key;
	h.cpu->gone_conn = c->flags & STATE_OWN ? 0 : c->tuple.conn;
	bpf_map_delete_elem(&conns, &key);
	leave(&h);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	return forget_conn(ctx, sk);
}

/* Finds nothing, unless the kernel skipped on_destroy: a state that stays would be the next socket's. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy_missed, struct sock *sk)
{
	return forget_conn(ctx, sk);
}

#endif
