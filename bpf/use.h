/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What reading and writing have in common: they show who owns a socket. */
#ifndef TCPLEDGER_USE_H
#define TCPLEDGER_USE_H

#include "conn.h"

static __always_inline void first_use(void *ctx, struct sock *sk, u8 how)
{
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	struct conn_state fresh, *c;
	struct here h;

	if (state == TCP_CLOSE || state == TCP_LISTEN || !enter(&h, ctx))
		return;
	c = meet_conn(&h, sk, state, &fresh);
	learn_owner(c, how);
	leave(&h);
}

/* Called at every read and write: one lookup when the owner is known. */
static __always_inline void used(void *ctx, struct sock *sk, u8 how)
{
	struct conn_state *c = find_conn(sk);

	if (c)
		learn_owner(c, how);
	else
		first_use(ctx, sk, how);
}

#endif
