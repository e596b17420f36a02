/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The one way a record leaves: budget, number, reserve, head, submit; losses counted. */
#ifndef TCPLEDGER_EMIT_H
#define TCPLEDGER_EMIT_H

#include "number.h"

static __always_inline bool enabled(u32 kind)
{
	return kinds_enabled >> kind & 1;
}

/* A token bucket of one second, per CPU, as the time the next record is due. */
static __always_inline bool affordable(struct here *h, struct budget *b, u64 cost)
{
	u64 floor = h->now > 1000000000ULL ? h->now - 1000000000ULL : 0;
	u64 next = b->next > floor ? b->next : floor;

	if (next > h->now)
		return false;
	b->next = next + cost;
	return true;
}

static __always_inline bool within_budget(struct here *h, u32 kind)
{
	u64 cost = cost_ns[kind & (KINDS - 1)];
	struct budget *b;

	if (!cost)
		return true;
	b = bpf_map_lookup_elem(&budgets, &kind);
	if (!b)
		return true;
	if (affordable(h, b, cost))
		return true;
	__sync_fetch_and_add(&b->skipped[h->level & (LEVELS - 1)], 1);
	count(TOTAL_OVER_BUDGET + kind);
	return false;
}

/* 1 + what the budget skipped here since the last record that was kept. */
static __always_inline u32 weigh(struct here *h, u32 kind)
{
	u64 skipped, *slot;
	struct budget *b;

	if (!cost_ns[kind & (KINDS - 1)])
		return 1;
	b = bpf_map_lookup_elem(&budgets, &kind);
	if (!b)
		return 1;
	slot = &b->skipped[h->level & (LEVELS - 1)];
	skipped = *(volatile u64 *)slot;
	__sync_fetch_and_add(slot, -skipped);
	return 1 + skipped;
}

static __always_inline void fill_head(struct here *h, struct head *head, u8 kind, u16 size)
{
	head->size = size;
	head->kind = kind;
	head->flags = 0;
	head->stream = h->id;
	head->seq = 0;
	head->at = h->now;
	head->weight = 1;
	head->cpu = h->id / LEVELS;
}

/* The number comes before the reserve: a full ring is a gap the agent sees. */
#define begin(h, kind_, type)                                              \
	({                                                                 \
		u64 seq_ = take(&(h)->stream->seq);                        \
		type *record_ = bpf_ringbuf_reserve(&ring, sizeof(type), 0); \
		if (record_) {                                             \
			fill_head(h, &record_->head, kind_, sizeof(type)); \
			record_->head.seq = seq_;                          \
			record_->head.weight = weigh(h, kind_);            \
		} else {                                                   \
			count(TOTAL_LOST + (kind_));                       \
		}                                                          \
		record_;                                                   \
	})

/* No wakeup per record, it costs ten times the record; one when a quarter is full. */
static __always_inline void finish(void *record)
{
	bool wake = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes;

	bpf_ringbuf_submit(record, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
