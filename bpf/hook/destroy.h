/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp:tcp_destroy_sock: deletes the state; emits the record if no -> CLOSE did. */
#ifndef TCPLEDGER_DESTROY_H
#define TCPLEDGER_DESTROY_H

#include "../conn_record.h"

/* The TIME_WAIT of the connection may still send resets, and has only the cookie. */
static __always_inline void remember_own(const struct sock *sk)
{
	u64 cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	u8 one = 1;

	if (cookie)
		bpf_map_update_elem(&own_cookies, &cookie, &one, BPF_ANY);
}

static __always_inline int handle_destroy(void *ctx, struct sock *sk)
{
	struct conn_state *c = find_conn(sk);
	u64 key = (u64)sk;
	struct exec_ctx ec;

	if (!c || !nesting_enter(&ec, ctx))
		return 0;
	if (!(c->flags & STATE_CLOSED))
		emit_connection(&ec, sk, c, c->state, FLAG_NO_CLOSE_SEEN);
	if (c->flags & STATE_OWN)
		remember_own(sk);
	ec.cpu->last_destroyed_sk = key;
	ec.cpu->last_destroyed_conn = c->flags & STATE_OWN ? 0 : c->tuple.conn;
	ec.cpu->last_destroyed_role = c->role;
	bpf_map_delete_elem(&conns, &key);
	nesting_leave(&ec);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	return handle_destroy(ctx, sk);
}

/* Finds a state only if the kernel skipped on_destroy. A state that stays would pass to the next socket. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy_missed, struct sock *sk)
{
	return handle_destroy(ctx, sk);
}

#endif
