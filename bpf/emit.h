/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a numbered record goes out: budget, number, reserve, head, submit. Losses are counted. Stacks have no number: stack.h. */
#ifndef TCPLEDGER_EMIT_H
#define TCPLEDGER_EMIT_H

#include "number.h"

static __always_inline bool enabled(u32 kind)
{
	return kinds_enabled >> kind & 1;
}

/* A token bucket of one second for each CPU, kept as the time at which the next record may go. */
static __always_inline bool affordable(struct exec_ctx *ec, struct budget *b, u64 cost)
{
	u64 floor = ec->now > 1000000000ULL ? ec->now - 1000000000ULL : 0;
	u64 next = b->next > floor ? b->next : floor;

	if (next > ec->now)
		return false;
	b->next = next + cost;
	return true;
}

static __always_inline bool within_budget(struct exec_ctx *ec, u32 kind)
{
	u64 cost = cost_ns[kind & (KINDS - 1)];
	struct budget *b;

	if (!cost)
		return true;
	b = bpf_map_lookup_elem(&budgets, &kind);
	if (!b)
		return true;
	if (affordable(ec, b, cost))
		return true;
	__sync_fetch_and_add(&b->skipped[ec->level & (LEVELS - 1)], 1);
	count(TOTAL_OVER_BUDGET + kind);
	return false;
}

/* 1 + the records that the budget skipped on this level since the last one it let through. */
static __always_inline u32 weight_of(struct exec_ctx *ec, u32 kind)
{
	u64 skipped, *slot;
	struct budget *b;

	if (!cost_ns[kind & (KINDS - 1)])
		return 1;
	b = bpf_map_lookup_elem(&budgets, &kind);
	if (!b)
		return 1;
	slot = &b->skipped[ec->level & (LEVELS - 1)];
	skipped = *(volatile u64 *)slot;
	__sync_fetch_and_add(slot, -skipped);
	return 1 + skipped;
}

static __always_inline void fill_head(struct exec_ctx *ec, struct head *head, u8 kind, u16 size)
{
	head->size = size;
	head->kind = kind;
	head->flags = 0;
	head->stream = ec->id;
	head->seq = 0;
	head->at = ec->now;
	head->weight = 1;
	head->cpu = ec->id / LEVELS;
}

/* The number is taken before the reserve: a full ring leaves a gap, which the agent sees. */
#define begin_record(ec, kind_, type)                                              \
	({                                                                 \
		u64 seq_ = fetch_inc(&(ec)->stream->seq);                        \
		type *record_ = bpf_ringbuf_reserve(&ring, sizeof(type), 0); \
		if (record_) {                                             \
			fill_head(ec, &record_->head, kind_, sizeof(type)); \
			record_->head.seq = seq_;                          \
			record_->head.weight = weight_of(ec, kind_);            \
		} else {                                                   \
			count(TOTAL_LOST + (kind_));                       \
		}                                                          \
		record_;                                                   \
	})

/* A wakeup costs ten times the record: the agent polls, and is woken when a quarter is full. */
static __always_inline void submit_record(void *record)
{
	bool wake = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes;

	bpf_ringbuf_submit(record, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
