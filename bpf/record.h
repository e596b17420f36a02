/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The records that hooks hand to Go. record.go mirrors them, and a test compares the
 * two by the object's BTF. Little-endian, padding spelled out, sizes asserted.
 */
#ifndef TCPLEDGER_RECORD_H
#define TCPLEDGER_RECORD_H

#include "vocabulary.h"

struct head {
	u16 size;
	u8 kind;
	u8 flags;
	u32 stream;
	u64 seq;
	u64 at; /* CLOCK_BOOTTIME, ns */
	u32 weight;
	u32 cpu;
};

struct tuple {
	u8 local_ip[16]; /* v4 mapped into v6 */
	u8 remote_ip[16];
	u16 local_port; /* host order */
	u16 remote_port;
	u16 family; /* the socket's */
	u16 pad;
	u32 netns;
	u32 ifindex;
	u64 netns_cookie;
	u64 cookie;
	u64 conn; /* 0: not known */
};

struct owner {
	u64 start_at; /* the process's start, CLOCK_BOOTTIME ns */
	u64 cgroup_id;
	u32 pid;
	u32 uid;
	u8 how;
	u8 cgroup_how;
	u16 image; /* grows with each exec */
	u32 exe;   /* where names has the executable's path; 0: unknown */
	char comm[16];
};

struct context {
	u32 pid;
	u8 kind;
	u8 pad[3];
	char comm[16];
};

struct connection {
	struct head head;
	struct tuple tuple;
	struct owner owner;
	struct context context; /* when the stack was taken */
	u64 stack;
	u64 opened_at; /* 0: began before the agent */
	u64 first_at;
	u64 bytes_sent;
	u64 bytes_retrans;
	u64 bytes_received;
	u64 bytes_acked;
	u32 connect_us;
	u32 evidence;
	u32 error;
	u32 error_soft;
	u32 reset_reason; /* of the reset sent before the end */
	u32 write_seq;
	u32 snd_nxt;
	u32 snd_una;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 segs_in;
	u32 segs_out;
	u32 total_retrans;
	u32 snd_wnd;
	u32 srtt_us;
	u32 last_rx_age_ms;
	u32 last_tx_age_ms;
	s32 linger2;
	u8 first_who;
	u8 first_evidence;
	u8 role;
	u8 flavour;
	u8 old_state;
	u8 shutdown;
	u8 retransmits;
	u8 probes_out;
	u32 error_reported; /* to the application, before the end */
	u32 dsack_dups;
	struct owner opener; /* the first process that used the socket */
};

struct event {
	struct head head;
	struct tuple tuple;
	struct owner owner;
	struct context context;
	u64 stack;
	u32 reason; /* ABSENT32: this kernel gives none */
	u32 error;
	u32 length; /* TCP payload, bytes */
	u32 packet_seq;
	u32 packet_ack;
	u8 direction;
	u8 state;
	u8 old_state;
	u8 new_state;
	u8 tcp_flags;
	u8 flags;
	u8 role;
	u8 pad[5];
};

struct stack {
	struct head head;
	u64 hash;
	u32 depth;
	u32 pad;
	u64 frames[FRAMES];
};

/* Whose name it is: that of a cgroup, in the hierarchy of that number, or of an executable. */
#define NAME_EXE 16
#define NAME_BYTES 2032

struct name_key {
	u64 id;
	u32 kind; /* enum cgrouphow or NAME_EXE */
	u32 pad;
};

/* A path as its parts, the innermost first, each with a zero at its end. */
struct names {
	u64 check; /* of what the id is a part */
	u32 used;
	u32 state; /* one of the three below */
	u8 parts[NAME_BYTES];
};

#define NAMES_BEGUN 0 /* somebody is writing it */
#define NAMES_WHOLE 1
#define NAMES_CUT 2 /* the outermost parts are missing */

_Static_assert(sizeof(struct names) == 2048, "names");
_Static_assert(sizeof(struct head) == 32, "head");
_Static_assert(sizeof(struct tuple) == 72, "tuple");
_Static_assert(sizeof(struct owner) == 48, "owner");
_Static_assert(sizeof(struct context) == 24, "context");
_Static_assert(sizeof(struct connection) == 368, "connection");
_Static_assert(sizeof(struct event) == 216, "event");
_Static_assert(sizeof(struct stack) == 432, "stack");

#endif
