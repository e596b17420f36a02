/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How handshakes end that never become a connection. The kernel has no tracepoint for
 * the end of a request socket. The agent gets to know those whose SYN-ACK is sent again,
 * and looks every few seconds which of them are gone without a child.
 */
#ifndef TCPLEDGER_HANDSHAKE_H
#define TCPLEDGER_HANDSHAKE_H

#include "listening.h"

struct handshake_key {
	u8 local_ip[16];
	u8 remote_ip[16];
	u16 local_port;
	u16 remote_port;
	u32 netns;
} __attribute__((aligned(8)));

struct handshake {
	u64 request;	/* the request socket: its memory stays one, or is read as another */
	u64 listener;
	u64 since;	/* of the listener */
	u8 reset;	/* a reset of the client came, which may be forged */
	u8 gone;	/* the last sweep did not find it; its child may be on its way */
	u8 pad[6];
};

_Static_assert(sizeof(struct handshake_key) == 40, "handshake_key");

HASH(handshakes, 16384, BPF_F_NO_PREALLOC, struct handshake_key, struct handshake);

/* How many there are: with none, nobody has to look one up. */
ZEROS(handshakes_open, u64);

static __always_inline u64 *open_handshakes(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&handshakes_open, &zero);
}

static __always_inline bool any_handshake(void)
{
	u64 *open = open_handshakes();

	return open && *open;
}

static __always_inline void forget_handshake(const struct handshake_key *key)
{
	u64 *open = open_handshakes();

	if (!bpf_map_delete_elem(&handshakes, key) && open)
		__sync_fetch_and_add(open, -1);
}

/* A request socket, or its child. */
static __always_inline void key_of_socket(struct handshake_key *key, const struct sock *sk, bool full)
{
	struct tuple t;

	fill_tuple(&t, sk, full);
	__builtin_memcpy(key->local_ip, t.local_ip, 16);
	__builtin_memcpy(key->remote_ip, t.remote_ip, 16);
	key->local_port = t.local_port;
	key->remote_port = t.remote_port;
	key->netns = t.netns;
}

/* tcp_retransmit_synack: the client has not answered for a second, or has sent its SYN again. */
FUNCTION void note_handshake(const struct sock *listener, const struct sock *request)
{
	const struct listening *l;
	struct handshake_key key;
	struct handshake h = { .request = (u64)request, .listener = (u64)listener };
	u64 *open = open_handshakes();

	if (!enabled(KIND_LISTENER) || !open)
		return;
	l = find_listening(listener);
	if (!l)
		return;
	h.since = l->since;
	key_of_socket(&key, request, false);
	if (bpf_map_lookup_elem(&handshakes, &key)) {
		bpf_map_update_elem(&handshakes, &key, &h, BPF_ANY);
		return;
	}
	if (bpf_map_update_elem(&handshakes, &key, &h, BPF_NOEXIST))
		count(TOTAL_HANDSHAKE_MAP_FULL);
	else
		__sync_fetch_and_add(open, 1);
}

/* The handshake has a child, which left SYN_RECV. */
FUNCTION void end_handshake(const struct sock *child)
{
	struct handshake_key key;

	if (!any_handshake())
		return;
	key_of_socket(&key, child, true);
	forget_handshake(&key);
}

static __always_inline bool not_specified(u32 reason)
{
	return bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED) &&
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED);
}

/*
 * kfree_skb of a reset that met a handshake. A kernel that names the listener (6.11) has
 * another reason for a reset that met none; one that does not shows the resets of the
 * handshakes that are known.
 */
FUNCTION void note_handshake_reset(const struct sock *sk, const struct sk_buff *skb, u32 reason)
{
	bool listens = sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	struct handshake_key key;
	struct packet p = {};
	struct listening *l;
	struct handshake *h;
	struct net *net;

	if (listens ? !not_specified(reason) : kfree_skb_args >= 4 || !any_handshake())
		return;
	if (parse_packet(&p, skb) != PACKET_TCP || !(p.tcp_flags & TCP_RST))
		return;
	if (listens)
		net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	else
		net = BPF_CORE_READ(skb, dev, nd_net.net);
	__builtin_memcpy(key.local_ip, p.dest_ip, 16);
	__builtin_memcpy(key.remote_ip, p.source_ip, 16);
	key.local_port = p.dest_port;
	key.remote_port = p.source_port;
	key.netns = BPF_CORE_READ(net, ns.inum);
	if (!listens) {
		h = bpf_map_lookup_elem(&handshakes, &key);
		if (h)
			h->reset = 1;
		return;
	}
	l = find_listening(sk);
	if (l)
		__sync_fetch_and_add(&l->reset, 1);
	if (any_handshake())
		forget_handshake(&key);
}

static __always_inline bool same_key(const struct handshake_key *a, const struct handshake_key *b)
{
	const u64 *x = (const u64 *)a, *y = (const u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

/* The kernel unhashes a request socket when it ends. A later one may have its memory. */
static __always_inline bool handshake_lives(const struct handshake *h, const struct handshake_key *key)
{
	const struct sock *sk = (const struct sock *)h->request;
	struct handshake_key now;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_NEW_SYN_RECV || !BPF_CORE_READ(sk, __sk_common.skc_nulls_node.pprev))
		return false;
	key_of_socket(&now, sk, false);
	return same_key(&now, key);
}

/* The child leaves SYN_RECV a moment after its request is gone: what the sweep before did not find either has none. */
FUNCTION void sweep_handshake(const struct handshake_key *key)
{
	struct handshake *h = bpf_map_lookup_elem(&handshakes, key);
	struct listening *l;
	u64 since;

	if (!h)
		return;
	if (handshake_lives(h, key)) {
		h->reset = 0; /* the kernel took that reset for a forged one */
		return;
	}
	if (!h->gone) {
		h->gone = 1;
		return;
	}
	l = bpf_map_lookup_elem(&listener_counts, &h->listener);
	since = h->since;
	if (l && l->since == since)
		__sync_fetch_and_add(h->reset ? &l->reset : &l->expired, 1);
	forget_handshake(key);
}

#endif
