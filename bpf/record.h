/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between the hooks and Go (record.go mirrors it, a test compares
 * both by the object's BTF). Little-endian, padding spelled out, sizes asserted.
 */
#ifndef TCPLEDGER_RECORD_H
#define TCPLEDGER_RECORD_H

#define FRAMES 48
#define LEVELS 4
#define KINDS 16
#define ABSENT32 0xffffffffU

enum kind {
	KIND_CONNECTION = 1,
	KIND_RESET_SENT = 2,
	KIND_RESET_RECEIVED = 3,
	KIND_DROP = 4,
	KIND_RETRANSMIT = 5,
	KIND_RETRANSMIT_SYNACK = 6,
	KIND_ERROR = 7,
	KIND_STATE = 8,
	KIND_SKB_CONSUMED = 9,
	KIND_LINGERING = 10, /* made by the agent's scan */
	KIND_STACK = 64,     /* unnumbered: frames that found the stack map full */
};

/* What a socket showed at -> CLOSE; the first three also at the first FIN. */
enum evidence {
	EV_OWNED = 1 << 0,
	EV_FILE_DEAD = 1 << 1,
	EV_EXITING = 1 << 2,
	EV_LINGER0 = 1 << 3,
	EV_SOCK_DEAD = 1 << 4,
	EV_NO_SOCKET = 1 << 5,
	EV_SOCK_DONE = 1 << 6,
	EV_LINGER2_NEG = 1 << 7,
	EV_RESET_RECEIVED = 1 << 8,
	EV_RESET_SENT = 1 << 9,
	EV_BEGAN_BEFORE = 1 << 10,
	EV_NO_CLOSE_SEEN = 1 << 11,
	EV_KEEPOPEN = 1 << 12,
	EV_SEEDED = 1 << 13,
};

enum event_flag {
	EVENT_WITH_PACKET = 1 << 0, /* a packet caused it, or is it */
	EVENT_MINISOCK = 1 << 1,    /* TIME_WAIT or request socket */
	EVENT_CONTROL_SOCKET = 1 << 2,
	EVENT_NO_SOCKET = 1 << 3,
	EVENT_CLOSED = 1 << 4, /* its connection's record was emitted before */
};

enum who { WHO_NOBODY, WHO_LOCAL, WHO_PEER };
enum role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER };
enum flavour { FLAVOUR_TCP = 1, FLAVOUR_MPTCP_SUBFLOW = 2 };
enum direction { DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT };
enum how { HOW_UNKNOWN, HOW_CONNECT, HOW_READ, HOW_WRITE, HOW_CLOSE, HOW_SEED, HOW_KERNEL, HOW_LISTENER };
enum cgroup_how { CGROUP_UNKNOWN, CGROUP_V2, CGROUP_MEMORY };
enum ctx_kind { CTX_UNKNOWN, CTX_TASK, CTX_SOFTIRQ, CTX_IDLE, CTX_KERNEL_THREAD, CTX_HARDIRQ };

/* Cumulative counters that only grow, per CPU. The first three rows are one per kind. */
enum total {
	TOTAL_LOST = 0,         /* + kind: numbered, then the ring buffer was full */
	TOTAL_OVER_BUDGET = 16, /* + kind: never numbered */
	TOTAL_OWN = 32,         /* + kind: tcpledger's own traffic */
	TOTAL_STACKS_TAKEN = 48,
	TOTAL_STACKS_OVER_BUDGET,
	TOTAL_STACK_MAP_FULL,
	TOTAL_STACKS_INLINE,
	TOTAL_STACKS_LOST,
	TOTAL_STACK_ERRORS,
	TOTAL_STACK_BUSY,
	TOTAL_STATE_MAP_FULL,
	TOTAL_DROPS_IGNORED, /* of any protocol: it is not looked at */
	TOTAL_DROPS_NOT_TCP,
	TOTAL_DROPS_UNPARSED,
	TOTAL_ERRORS_FILTERED,
	TOTAL_BEGAN_BEFORE,
	TOTALS,
};

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
	u8 pad[6];
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
	struct context context; /* of the moment the stack was taken */
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
	u8 pad[6];
};

struct stack {
	struct head head;
	u64 hash;
	u32 depth;
	u32 pad;
	u64 frames[FRAMES];
};

_Static_assert(sizeof(struct head) == 32, "head");
_Static_assert(sizeof(struct tuple) == 72, "tuple");
_Static_assert(sizeof(struct owner) == 48, "owner");
_Static_assert(sizeof(struct context) == 24, "context");
_Static_assert(sizeof(struct connection) == 312, "connection");
_Static_assert(sizeof(struct event) == 216, "event");
_Static_assert(sizeof(struct stack) == 432, "stack");

#endif
