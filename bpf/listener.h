/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who listens where: a hint at the owner of a child that nobody has used yet. A
 * child has no pointer to its listener, so the listener is found as the kernel finds
 * it: by namespace, port and address, then without the address.
 */
#ifndef TCPLEDGER_LISTENER_H
#define TCPLEDGER_LISTENER_H

#include "conn_state.h"

/* No struct tuple here: the caller's stack already holds a conn_state, and 512 bytes is the limit. */
FUNCTION void fill_listen_key(struct listen_key *key, const struct sock *sk)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	key->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	key->port = local_port(sk, true);
	if (key->family == AF_INET6)
		BPF_CORE_READ_INTO(&key->ip, sk, __sk_common.skc_v6_rcv_saddr);
	else
		map_v4(key->ip, __builtin_preserve_access_index(&sk->__sk_common.skc_rcv_saddr));
}

FUNCTION void note_listener(const struct sock *sk, struct task_struct *task)
{
	struct listener listener = {};
	struct listen_key key;

	fill_listen_key(&key, sk);
	BPF_CORE_READ_INTO(&listener.comm, task, group_leader, comm);
	bpf_map_update_elem(&listeners, &key, &listener, BPF_ANY);
}

/* If several sockets share the port, all are forgotten: unknown rather than wrong. */
FUNCTION void forget_listener(const struct sock *sk)
{
	struct listen_key key;

	fill_listen_key(&key, sk);
	bpf_map_delete_elem(&listeners, &key);
}

/* The hint holds until somebody uses the socket. */
FUNCTION void hint_owner(const struct sock *sk, struct conn_state *c)
{
	struct listener *listener;
	struct listen_key key;

	if (c->role != ROLE_SERVER || c->owner.how != OWNER_UNKNOWN)
		return;
	fill_listen_key(&key, sk);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (!listener) {
		__builtin_memset(key.ip + 12, 0, 4);
		if (key.family == AF_INET6)
			__builtin_memset(key.ip, 0, 12);
		listener = bpf_map_lookup_elem(&listeners, &key);
	}
	if (!listener)
		return;
	__builtin_memcpy(c->owner.comm, listener->comm, sizeof(listener->comm));
	c->owner.how = OWNER_LISTENER;
}

#endif
