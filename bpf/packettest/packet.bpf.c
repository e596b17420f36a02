/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
//go:build ignore

/* Runs parse_packet over a packet that a test makes, by BPF_PROG_TEST_RUN. */
#include "../packet.h"

struct packet_case {
	u8 skb[512];   /* a struct sk_buff of the running kernel: its fields are found by name */
	u8 data[4096]; /* what its head points to */
	u32 network;
	u32 tail;
	u32 len;
	u32 iif;
	u32 protocol;
	u32 parsed;
	struct packet packet;
};

struct {
	__uint(type, 2); /* BPF_MAP_TYPE_ARRAY */
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct packet_case);
} cases SEC(".maps");

#define PUT(field, type, value) \
	*(type *)(c->skb + bpf_core_field_offset(struct sk_buff, field)) = (type)(value)

SEC("syscall")
int run_packet(void *ctx)
{
	struct packet p = {};
	struct packet_case *c;
	u32 zero = 0;

	c = bpf_map_lookup_elem(&cases, &zero);
	if (!c)
		return 1;
	PUT(head, u64, c->data);
	PUT(network_header, u16, c->network);
	PUT(tail, u32, c->tail);
	PUT(len, u32, c->len);
	PUT(skb_iif, u32, c->iif);
	PUT(protocol, u16, c->protocol);
	c->parsed = parse_packet(&p, (const struct sk_buff *)c->skb);
	__builtin_memcpy(&c->packet, &p, sizeof(p));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
