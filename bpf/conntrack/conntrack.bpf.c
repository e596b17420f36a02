/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
//go:build ignore

/*
 * Looks connections up in the connection tracking of the network namespace of whoever runs it (BPF_PROG_TEST_RUN). It is
 * attached to nothing and changes nothing: an entry is taken, read and given back.
 */
#include "../kernel.h"

#define BATCH 64
#define BPF_F_CURRENT_NETNS (-1)

/* The kernel takes these 12 bytes since 5.18; later it may take more. */
struct bpf_ct_opts {
	s32 netns_id;
	s32 error;
	u8 l4proto;
	u8 dir;
	u8 reserved[2];
};

struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
			__be16 sport;
			__be16 dport;
		} ipv4;
		struct {
			__be32 saddr[4];
			__be32 daddr[4];
			__be16 sport;
			__be16 dport;
		} ipv6;
	};
};

struct __sk_buff {
	u32 len;
};

#define KERNEL __attribute__((preserve_access_index))

union nf_inet_addr {
	u32 all[4];
} KERNEL;

struct nf_conntrack_tuple {
	struct nf_conntrack_man {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} KERNEL u;
	} KERNEL src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} KERNEL u;
	} KERNEL dst;
} KERNEL;

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
} KERNEL;

struct ip_ct_tcp_state {
	u32 td_end;
} KERNEL;

struct ip_ct_tcp {
	struct ip_ct_tcp_state seen[2];
} KERNEL;

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
} KERNEL;

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	union nf_conntrack_proto proto;
} KERNEL;

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, u32 tuple_size,
					 struct bpf_ct_opts *opts, u32 opts_size) __ksym;
extern void bpf_ct_release(struct nf_conn *ct) __ksym;

struct entry {
	u32 local_ip[4];
	u32 remote_ip[4];
	u16 local_port;
	u16 remote_port;
	u32 ipv6;
	/* From here on what is found. */
	u32 found;
	u32 seq_end;    /* the end of what this side sent, by sequence number, as far as it was seen */
	u32 from_ip[4]; /* the tuple of the packets to this side */
	u32 to_ip[4];
	u16 from_port;
	u16 to_port;
};

struct entry asked[BATCH];
u32 count;

static __always_inline void copy(u32 *to, const u32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

/* The two directions are constants: the verifier wants fixed offsets in the kernel's types. */
#define READ(e, ct, here, there)                                                \
	do {                                                                    \
		(e)->seq_end = (ct)->proto.tcp.seen[here].td_end;               \
		copy((e)->from_ip, (ct)->tuplehash[there].tuple.src.u3.all);    \
		copy((e)->to_ip, (ct)->tuplehash[there].tuple.dst.u3.all);      \
		(e)->from_port = (ct)->tuplehash[there].tuple.src.u.all;        \
		(e)->to_port = (ct)->tuplehash[there].tuple.dst.u.all;          \
	} while (0)

static __always_inline u32 fill(struct bpf_sock_tuple *tuple, const struct entry *e)
{
	if (!e->ipv6) {
		tuple->ipv4.saddr = e->local_ip[0];
		tuple->ipv4.daddr = e->remote_ip[0];
		tuple->ipv4.sport = e->local_port;
		tuple->ipv4.dport = e->remote_port;
		return sizeof(tuple->ipv4);
	}
	copy(tuple->ipv6.saddr, e->local_ip);
	copy(tuple->ipv6.daddr, e->remote_ip);
	tuple->ipv6.sport = e->local_port;
	tuple->ipv6.dport = e->remote_port;
	return sizeof(tuple->ipv6);
}

FUNCTION int look_up_one(struct __sk_buff *skb, struct entry *e)
{
	struct bpf_ct_opts opts = { .netns_id = BPF_F_CURRENT_NETNS, .l4proto = IPPROTO_TCP };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *ct;
	u32 size;

	size = fill(&tuple, e);
	ct = bpf_skb_ct_lookup(skb, &tuple, size, &opts, sizeof(opts));
	e->found = ct != NULL;
	if (!ct)
		return 0;
	if (opts.dir)
		READ(e, ct, 1, 0);
	else
		READ(e, ct, 0, 1);
	bpf_ct_release(ct);
	return 0;
}

SEC("tc")
int look_up(struct __sk_buff *skb)
{
	u32 i;

	for (i = 0; i < BATCH && i < count; i++)
		look_up_one(skb, &asked[i]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
