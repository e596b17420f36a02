/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What each listener turned away. The kernel has no tracepoint for a SYN that meets a
 * full queue, but counts it in the listener's sk_drops. Two kinds of packets are in
 * sk_drops and are no attempt to connect that was turned away; they end in kfree_skb.
 */
#ifndef TCPLEDGER_LISTENING_H
#define TCPLEDGER_LISTENING_H

#include "conn_state.h"

/* Seen by Go through the iterator: hook/listen.h. */
struct listening {
	struct tuple tuple;
	struct owner owner;
	u64 socket;	/* its key while it listens */
	u64 since;	/* 0: being written */
	u64 discarded;	/* packets in sk_drops that were not turned away */
	u64 aborted;	/* resets for tcp_abort_on_overflow */
	u64 expired;	/* handshakes that ended without their last packet: handshake.h */
	u64 reset;	/* handshakes that the client ended by a reset */
	u32 drops_before;	/* sk_drops at since */
	u32 cookies_before;	/* cookies_at at since */
	u32 drops;
	u32 cookies_at;	/* tick at which the kernel last sent a SYN cookie for it */
	u32 queued;	/* connections that wait for accept() */
	u32 backlog;	/* as many may wait, and one more */
	u32 half_open;
	u32 inside;	/* a process in its network namespace; 0: none is known */
	u8 closed;
	u8 pad[7];
};

_Static_assert(sizeof(struct listening) == 208, "listening");

HASH(listener_counts, 16384, BPF_F_NO_PREALLOC, u64, struct listening);

static const struct listening no_listening;

/* Listeners that share a port with SO_REUSEPORT share the time of the last cookie. */
static __always_inline u32 cookies_at(const struct sock *sk)
{
	struct sock_reuseport *group = BPF_CORE_READ(sk, sk_reuseport_cb);

	if (group)
		return BPF_CORE_READ(group, synq_overflow_ts);
	return BPF_CORE_READ((struct tcp_sock *)sk, rx_opt.ts_recent_stamp);
}

FUNCTION void sample_listener(struct listening *l, const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const void *)sk;

	l->drops = BPF_CORE_READ(sk, sk_drops.counter);
	l->queued = BPF_CORE_READ(sk, sk_ack_backlog);
	l->backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	l->half_open = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
	l->cookies_at = cookies_at(sk);
}

static __always_inline struct listening *find_listening(const struct sock *sk)
{
	u64 key = (u64)sk;

	return bpf_map_lookup_elem(&listener_counts, &key);
}

/* listen() was called, or the agent's start found the listener. tcpledger's own are left out. */
FUNCTION void begin_listening(const struct sock *sk, struct task_struct *leader, u64 now, u8 how)
{
	u32 pid = BPF_CORE_READ(leader, tgid);
	u64 key = (u64)sk;
	struct listening *l;

	if (!enabled(KIND_LISTENER) || bpf_map_lookup_elem(&own_pids, &pid))
		return;
	if (bpf_map_update_elem(&listener_counts, &key, (void *)&no_listening, BPF_ANY))
		count(TOTAL_LISTENER_MAP_FULL);
	l = bpf_map_lookup_elem(&listener_counts, &key);
	if (!l)
		return;
	l->socket = key;
	fill_tuple(&l->tuple, sk, true);
	fill_owner(&l->owner, leader, pid, how);
	sample_listener(l, sk);
	l->drops_before = l->drops;
	l->cookies_before = l->cookies_at;
	barrier();
	l->since = now;
}

/* A listener that turned something away stays for the next scan, under a key that is no address. */
FUNCTION void end_listening(const struct sock *sk, u64 now)
{
	struct listening *l = find_listening(sk);
	u64 key = (u64)sk;

	if (!l)
		return;
	sample_listener(l, sk);
	l->closed = 1;
	if (l->drops != l->drops_before || l->cookies_at != l->cookies_before ||
	    l->aborted || l->expired || l->reset)
		bpf_map_update_elem(&listener_counts, &now, l, BPF_ANY);
	bpf_map_delete_elem(&listener_counts, &key);
}

/* As many segments as sk_drops counts for the packet. */
static __always_inline u32 segments(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end);
	u16 segs = BPF_CORE_READ(shared, gso_segs);

	return segs ? segs : 1;
}

/*
 * kfree_skb of a packet for a listener: the last ACK of a handshake that found the queue
 * full was counted twice, a SYN sent again once, and neither is one more that was
 * turned away. TCP_FLAGS: an ACK of no handshake, which sk_drops leaves out.
 */
FUNCTION void note_discarded(const struct sock *sk, const struct sk_buff *skb, u32 reason)
{
	struct listening *l;

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_TCP_FLAGS) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_TCP_FLAGS))
		return;
	l = find_listening(sk);
	if (l)
		__sync_fetch_and_add(&l->discarded, segments(skb));
}

/*
 * A reset that a listener sends while tcp_abort_on_overflow is set. From 6.10 on its
 * reason tells it from one that answers a stray packet. A SYN has that reason too.
 */
FUNCTION void note_aborted(const struct sock *sk, u8 tcp_flags, u32 reason)
{
	struct listening *l;

	if (!BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_tcp_abort_on_overflow) || tcp_flags & TCP_SYN)
		return;
	if (reason != ABSENT32 && bpf_core_enum_value_exists(enum sk_rst_reason, SK_RST_REASON_INVALID_SYN) &&
	    reason != bpf_core_enum_value(enum sk_rst_reason, SK_RST_REASON_INVALID_SYN))
		return;
	l = find_listening(sk);
	if (l)
		__sync_fetch_and_add(&l->aborted, 1);
}

#endif
