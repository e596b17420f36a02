/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The facts that a socket shows, as FLAG_ bits, and what its lock says of the context. */
#ifndef TCPLEDGER_EVIDENCE_H
#define TCPLEDGER_EVIDENCE_H

#include "conn_state.h"

#define SOCK_FLAG(flag) (1UL << bpf_core_enum_value(enum sock_flags, flag))

/* Who holds the socket now. These facts are also kept of the first FIN. */
FUNCTION u32 holder_evidence(const struct sock *sk)
{
	u32 ev = 0;

	if (BPF_CORE_READ(sk, sk_lock.owned))
		ev |= FLAG_OWNED;
	if (file_dead(sk))
		ev |= FLAG_FILE_DEAD;
	if (BPF_CORE_READ(current_task(), flags) & PF_EXITING)
		ev |= FLAG_EXITING;
	return ev;
}

FUNCTION u32 socket_evidence(const struct sock *sk)
{
	unsigned long flags = BPF_CORE_READ(sk, __sk_common.skc_flags);
	u32 ev = 0;

	if (flags & SOCK_FLAG(SOCK_LINGER) && !BPF_CORE_READ(sk, sk_lingertime))
		ev |= FLAG_LINGER0;
	if (flags & SOCK_FLAG(SOCK_DEAD))
		ev |= FLAG_SOCK_DEAD;
	if (flags & SOCK_FLAG(SOCK_DONE))
		ev |= FLAG_FIN_RECEIVED;
	if (!BPF_CORE_READ(sk, sk_socket))
		ev |= FLAG_NO_SOCKET;
	return ev;
}

/*
 * The ICMP error that was queued last for the application. The kernel reports an error
 * this way, with sk_err 0, if connect() holds the socket. getsockopt(SO_ERROR) leaves
 * it in the queue.
 */
FUNCTION u32 queued_error(const struct sock *sk)
{
	const struct sk_buff *skb;
	const struct sock_exterr_skb *queued;
	u8 origin;

	if (!BPF_CORE_READ(sk, sk_error_queue.qlen))
		return 0;
	skb = BPF_CORE_READ(sk, sk_error_queue.prev);
	queued = (const void *)__builtin_preserve_access_index(&skb->cb);
	origin = BPF_CORE_READ(queued, ee.ee_origin);
	if (origin != SO_EE_ORIGIN_ICMP && origin != SO_EE_ORIGIN_ICMP6)
		return 0;
	return BPF_CORE_READ(queued, ee.ee_errno);
}

static __always_inline u32 state_evidence(const struct conn_state *c)
{
	u32 ev = 0;

	if (c->flags & STATE_RESET_RECEIVED)
		ev |= FLAG_RESET_RECEIVED;
	if (c->flags & STATE_RESET_SENT)
		ev |= FLAG_RESET_SENT;
	if (c->flags & STATE_BEGAN_BEFORE)
		ev |= FLAG_BEGAN_BEFORE;
	if (c->flags & STATE_SEEDED)
		ev |= FLAG_SEEDED;
	if (c->flags & STATE_RESTORED)
		ev |= FLAG_RESTORED;
	if (c->flags & STATE_CLOSED_BY_AGENT)
		ev |= FLAG_CLOSED_BY_AGENT;
	if (c->flags & STATE_SOCKMAP)
		ev |= FLAG_SOCKMAP;
	return ev;
}

/* A socket that a task has locked runs in that task; else its softirq has the lock. */
static __always_inline u8 lock_context(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_lock.owned) ? CTX_TASK : CTX_SOFTIRQ;
}

/*
 * lock_context at a change of state. One case differs: a listener that closes drops
 * a child it never accepted in a task, and does not lock the child.
 */
FUNCTION u8 state_context(const struct sock *sk, u8 new)
{
	u32 ev;

	if (BPF_CORE_READ(sk, sk_lock.owned))
		return CTX_TASK;
	if (new != TCP_CLOSE || BPF_CORE_READ(sk, sk_err))
		return CTX_SOFTIRQ;
	ev = socket_evidence(sk);
	return ev & FLAG_NO_SOCKET && !(ev & FLAG_SOCK_DEAD) ? CTX_UNKNOWN : CTX_SOFTIRQ;
}

#endif
