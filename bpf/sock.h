/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who talks to whom: the tuple of a socket or a packet. */
#ifndef TCPLEDGER_SOCK_H
#define TCPLEDGER_SOCK_H

#include "packet.h"

/* False for TIME_WAIT and request sockets, which have nothing beyond sock_common. */
static __always_inline bool full_socket(const struct sock *sk)
{
	u8 state;

	if (!sk)
		return false;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

static __always_inline bool is_ip(const struct sock *sk)
{
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return family == AF_INET || family == AF_INET6;
}

/* Full sockets only. */
FUNCTION bool is_tcp(const struct sock *sk)
{
	return is_ip(sk) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	       BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}

static __always_inline u64 netns_cookie(struct net *net)
{
	struct net___lazy *lazy = (void *)net;

	if (bpf_core_field_exists(lazy->net_cookie.counter))
		return BPF_CORE_READ(lazy, net_cookie.counter);
	if (bpf_core_field_exists(net->net_cookie))
		return BPF_CORE_READ(net, net_cookie);
	return 0;
}

FUNCTION void fill_netns(struct tuple *t, struct net *net)
{
	t->netns = BPF_CORE_READ(net, ns.inum);
	t->netns_cookie = netns_cookie(net);
}

static __always_inline void fill_addresses(struct tuple *t, const struct sock *sk)
{
	if (t->family == AF_INET6) {
		BPF_CORE_READ_INTO(&t->local_ip, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&t->remote_ip, sk, __sk_common.skc_v6_daddr);
		return;
	}
	map_v4(t->local_ip, __builtin_preserve_access_index(&sk->__sk_common.skc_rcv_saddr));
	map_v4(t->remote_ip, __builtin_preserve_access_index(&sk->__sk_common.skc_daddr));
}

/* At -> CLOSE skc_num is 0 and inet_sport is not. Minisocks have no inet_sport. */
static __always_inline u16 local_port(const struct sock *sk, bool full)
{
	u16 port = 0;

	if (full)
		port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	return port ? port : BPF_CORE_READ(sk, __sk_common.skc_num);
}

/* What every socket has, minisocks too, without addresses and ports. */
FUNCTION void fill_identity(struct tuple *t, const struct sock *sk)
{
	t->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	t->ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	t->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	fill_netns(t, BPF_CORE_READ(sk, __sk_common.skc_net.net));
}

FUNCTION void fill_tuple(struct tuple *t, const struct sock *sk, bool full)
{
	fill_identity(t, sk);
	fill_addresses(t, sk);
	t->local_port = local_port(sk, full);
	t->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* outgoing: this host is the packet's source. */
static __always_inline void fill_tuple_packet(struct tuple *t, const struct packet *p, bool outgoing)
{
	__builtin_memcpy(t->local_ip, outgoing ? p->source_ip : p->dest_ip, 16);
	__builtin_memcpy(t->remote_ip, outgoing ? p->dest_ip : p->source_ip, 16);
	t->local_port = outgoing ? p->source_port : p->dest_port;
	t->remote_port = outgoing ? p->dest_port : p->source_port;
	if (!t->family)
		t->family = p->family;
}

/*
 * A packet without a socket names its device. A queued packet holds other data in
 * that field, so the device counts only if the packet was received on it.
 */
static __always_inline void fill_netns_device(struct tuple *t, const struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	int iif = BPF_CORE_READ(skb, skb_iif);

	if (!dev || !iif || BPF_CORE_READ(dev, ifindex) != iif)
		return;
	t->ifindex = iif;
	fill_netns(t, BPF_CORE_READ(dev, nd_net.net));
}

FUNCTION bool file_dead(const struct sock *sk)
{
	struct file *file = BPF_CORE_READ(sk, sk_socket, file);
	struct file___ref *ref = (void *)file;

	if (!file)
		return false;
	if (bpf_core_field_exists(ref->f_ref))
		return BPF_CORE_READ(ref, f_ref.refcnt.counter) < 0;
	return BPF_CORE_READ(file, f_count.counter) == 0;
}

#endif
