/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Finds the TCP header of a packet, whatever layer of the kernel holds the packet. */
#ifndef TCPLEDGER_PACKET_H
#define TCPLEDGER_PACKET_H

#include "kernel.h"
#include "record.h"

#define EXTENSION_HEADERS 4

#define TCP_SYN 2
#define TCP_RST 4

struct packet {
	u8 source_ip[16];
	u8 dest_ip[16];
	u16 source_port;
	u16 dest_port;
	u16 family;
	u8 tcp_flags;
	u8 outgoing;
	u32 seq;
	u32 ack;
	u32 length;
};

struct ip4_header {
	u8 version_ihl;
	u8 tos;
	__be16 total;
	__be16 id;
	__be16 fragment;
	u8 ttl;
	u8 protocol;
	u16 check;
	u8 source[4];
	u8 dest[4];
};

struct ip6_header {
	__be32 version;
	__be16 payload;
	u8 next;
	u8 hops;
	u8 source[16];
	u8 dest[16];
};

struct tcp_header {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack;
	u8 offset;
	u8 flags;
	u16 window;
	u16 check;
	u16 urgent;
};

enum parsed { PACKET_TCP, PACKET_OTHER, PACKET_BROKEN };

static __always_inline void map_v4(u8 *ip, const void *v4)
{
	__builtin_memset(ip, 0, 10);
	ip[10] = 0xff;
	ip[11] = 0xff;
	bpf_probe_read_kernel(ip + 12, 4, v4);
}

/* The length of one extension header; 0 if there is no further one. */
static __always_inline u32 skip_extension(const u8 *at, u8 *next)
{
	u8 header[4] = {};

	if (*next != 0 && *next != 43 && *next != 60 && *next != 44)
		return 0;
	if (bpf_probe_read_kernel(header, sizeof(header), at))
		return 0;
	if (*next == 44) { /* a fragment: only the first one holds the TCP header */
		if (header[2] || header[3] & 0xf8)
			return 0;
		*next = header[0];
		return 8;
	}
	*next = header[0];
	return (header[1] + 1) * 8;
}

FUNCTION u32 parse_ip4(struct packet *p, const u8 *at, u32 *end)
{
	struct ip4_header ip;
	u32 header;

	if (bpf_probe_read_kernel(&ip, sizeof(ip), at) || ip.version_ihl >> 4 != 4)
		return 0;
	header = (ip.version_ihl & 15) * 4;
	if (header < sizeof(ip) || ip.protocol != IPPROTO_TCP || ip.fragment & bpf_htons(0x1fff))
		return 0;
	map_v4(p->source_ip, at + __builtin_offsetof(struct ip4_header, source));
	map_v4(p->dest_ip, at + __builtin_offsetof(struct ip4_header, dest));
	p->family = AF_INET;
	*end = bpf_ntohs(ip.total);
	return header;
}

FUNCTION u32 parse_ip6(struct packet *p, const u8 *at, u32 *end)
{
	u32 header = sizeof(struct ip6_header), step;
	struct ip6_header ip;

	if (bpf_probe_read_kernel(&ip, sizeof(ip), at) || (bpf_ntohl(ip.version) >> 28) != 6)
		return 0;
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		step = skip_extension(at + header, &ip.next);
		if (!step)
			break;
		header += step;
	}
	if (ip.next != IPPROTO_TCP)
		return 0;
	__builtin_memcpy(p->source_ip, ip.source, 16);
	__builtin_memcpy(p->dest_ip, ip.dest, 16);
	p->family = AF_INET6;
	*end = ip.payload ? sizeof(ip) + bpf_ntohs(ip.payload) : 0;
	return header;
}

static __always_inline void fill_tcp(struct packet *p, const struct tcp_header *tcp)
{
	p->source_port = bpf_ntohs(tcp->source);
	p->dest_port = bpf_ntohs(tcp->dest);
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack);
	p->tcp_flags = tcp->flags;
}

/* Goes by the IP header: the transport header is not set yet in packets that are dropped early. */
FUNCTION enum parsed parse_packet(struct packet *p, const struct sk_buff *skb)
{
	u16 protocol = bpf_ntohs(BPF_CORE_READ(skb, protocol));
	u32 network = BPF_CORE_READ(skb, network_header);
	const u8 *at = BPF_CORE_READ(skb, head) + network;
	u32 header, end = 0, offset, payload;
	struct tcp_header tcp;

	if (protocol == ETH_P_IP)
		header = parse_ip4(p, at, &end);
	else if (protocol == ETH_P_IPV6)
		header = parse_ip6(p, at, &end);
	else
		return PACKET_OTHER;
	if (!header)
		return PACKET_OTHER;
	if (network + header + sizeof(tcp) > BPF_CORE_READ(skb, tail) ||
	    bpf_probe_read_kernel(&tcp, sizeof(tcp), at + header))
		return PACKET_BROKEN;
	fill_tcp(p, &tcp);
	offset = (tcp.offset >> 4) * 4;
	payload = header + offset;
	if (!end) /* the packet is longer than 16 bits can say */
		end = BPF_CORE_READ(skb, len);
	p->length = offset >= sizeof(tcp) && end > payload ? end - payload : 0;
	p->outgoing = BPF_CORE_READ(skb, skb_iif) == 0;
	return PACKET_TCP;
}

#endif
