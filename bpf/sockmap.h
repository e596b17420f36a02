/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sockets in a sockmap. BPF programs may hand what one socket writes or receives to
 * another; TCP counts none of it. close() takes the socket out before its state
 * changes, so a connection is marked when it is seen: at a read, a write or a change
 * of its state.
 */
#ifndef TCPLEDGER_SOCKMAP_H
#define TCPLEDGER_SOCKMAP_H

#include "conn_state.h"

#define USER_DATA_FLAGS 7ULL

/* user_data may belong to somebody else: KCM's begins with the socket too. */
FUNCTION bool is_psock(const struct sock *sk, void *user_data)
{
	struct sk_psock *psock = (void *)((u64)user_data & ~USER_DATA_FLAGS);
	char name[4] = {};

	if (!bpf_core_field_exists(psock->sk) || !bpf_core_field_exists(psock->sk_proto))
		return false;
	if (BPF_CORE_READ(psock, sk) != sk)
		return false;
	BPF_CORE_READ_INTO(&name, psock, sk_proto, name);
	return name[0] == 'T' && name[1] == 'C' && name[2] == 'P';
}

static __always_inline void note_sockmap(const struct sock *sk, struct conn_state *c)
{
	void *user_data;

	if (c->flags & STATE_SOCKMAP)
		return;
	user_data = BPF_CORE_READ(sk, sk_user_data);
	if (user_data && is_psock(sk, user_data))
		c->flags |= STATE_SOCKMAP;
}

#endif
