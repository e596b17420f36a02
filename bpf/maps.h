/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map, and every constant that the agent sets before the load. */
#ifndef TCPLEDGER_MAPS_H
#define TCPLEDGER_MAPS_H

#include "kernel.h"
#include "record.h"

/* Set by the agent from what the kernel's BTF says. */
volatile const u32 kinds_enabled = 0;
volatile const u32 send_reset_args = 2;
volatile const u32 kfree_skb_args = 2;
volatile const u32 retransmit_args = 2;
volatile const u32 cookie_helper = 0;
volatile const u64 tick_ns = 4000000;
volatile const u64 wakeup_bytes = 0;
/* Nanoseconds one record of a kind costs its CPU; 0: no budget. Slot 0: stacks. */
volatile const u64 cost_ns[KINDS] = {};

/* The agent's scan reads it. 192 bytes use 256 of kernel memory; one byte more would use 512. */
struct conn_state {
	struct tuple tuple; /* conn at once, the rest past ESTABLISHED, for the scan */
	u64 opened_at;
	u64 state_at;
	u64 first_at;
	u64 first_stack;
	struct owner owner;
	struct context first_context;
	u32 connect_us;
	u32 reset_reason;
	u16 flags;
	u8 state;
	u8 role;
	u8 first_who;
	u8 first_evidence;
	u8 error_reported;
	u8 pad;
};

_Static_assert(sizeof(struct conn_state) == 192, "conn_state");

/* Who called listen(), or held the listener at the agent's start, by its first thread and file descriptor. */
struct listener {
	u64 leader; /* a pointer: pid and start_at tell whether it is still that process */
	u64 start_at;
	u64 file;
	u32 pid;
	u32 fd;
};

/* The counters of one CPU and nesting level. Only fetch_inc() moves them. */
struct stream {
	u64 seq;
	u64 conns;
};

struct cpu {
	u64 level;
	u64 last_destroyed_sk; /* its reset may still follow */
	u64 last_destroyed_conn; /* 0: it was tcpledger's */
	u64 last_destroyed_role;
	u64 overflow_sk; /* the last socket that found the state map full */
};

struct budget {
	u64 next;
	u64 skipped[LEVELS];
};

struct scratch {
	u64 holders;
	u64 frames[FRAMES];
};

struct frames {
	u64 frames[FRAMES];
};

#define PERCPU(name_, entries, value_)                     \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);   \
		__uint(max_entries, entries);              \
		__type(key, u32);                          \
		__type(value, value_);                     \
	} name_ SEC(".maps")

#define TABLE(name_, type_, entries, flags_, key_, value_) \
	struct {                                           \
		__uint(type, type_);                       \
		__uint(max_entries, entries);              \
		__uint(map_flags, flags_);                 \
		__type(key, key_);                         \
		__type(value, value_);                     \
	} name_ SEC(".maps")

#define HASH(name, entries, flags, key, value) \
	TABLE(name, BPF_MAP_TYPE_HASH, entries, flags, key, value)
#define LRU(name, entries, key, value) TABLE(name, BPF_MAP_TYPE_LRU_HASH, entries, 0, key, value)

/* One value, never written. */
#define ZEROS(name_, value_)                             \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_ARRAY);        \
		__uint(max_entries, 1);                  \
		__type(key, u32);                        \
		__type(value, value_);                   \
	} name_ SEC(".maps")

/* The agent sets the size before it loads. */
#define CONFIGURED 1

PERCPU(cpus, 1, struct cpu);
PERCPU(streams, LEVELS, struct stream);
PERCPU(budgets, KINDS, struct budget);
PERCPU(scratches, LEVELS, struct scratch);
PERCPU(totals, TOTALS, u64);
HASH(conns, CONFIGURED, BPF_F_NO_PREALLOC, u64, struct conn_state);
HASH(stacks, CONFIGURED, 0, u64, struct frames);
HASH(own_pids, CONFIGURED, 0, u32, u8);
LRU(listeners, 4096, u64, struct listener);
LRU(openers, 8192, u64, struct owner);
LRU(names, 4096, struct name_key, struct names);
ZEROS(blank_names, struct names);
LRU(own_cookies, 1024, u64, u8);
HASH(ignored_drops, CONFIGURED, 0, u32, u8);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CONFIGURED);
} ring SEC(".maps");

FUNCTION void count(enum total total)
{
	u32 key = total;
	u64 *value = bpf_map_lookup_elem(&totals, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

#endif
