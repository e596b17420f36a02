/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Kernel stacks: each is kept once in a map, under a hash of its frames. A
 * BPF_MAP_TYPE_STACK_TRACE can hand out another stack under an id.
 */
#ifndef TCPLEDGER_STACK_H
#define TCPLEDGER_STACK_H

#include "emit.h"

static __always_inline u64 mix(u64 hash, u64 value)
{
	hash ^= value;
	hash *= 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* Over all FRAMES, zeros too: without a branch there is one path to verify. hash.go does the same. */
static __always_inline u64 hash_frames(const u64 *frames)
{
	u64 hash = FRAMES;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < FRAMES; i++)
		hash = mix(hash, frames[i]);
	hash = mix(hash, hash >> 32);
	return hash ? hash : 1;
}

FUNCTION void fill_stack(struct stack *s, u64 hash, u32 depth, const u64 *frames)
{
	s->hash = hash;
	s->depth = depth;
	s->pad = 0;
	bpf_probe_read_kernel(s->frames, sizeof(s->frames), frames);
}

/* Sends the frames themselves, without a number. */
static __always_inline void send_inline(struct exec_ctx *ec, u64 hash, u32 depth, const u64 *frames)
{
	struct stack *s = bpf_ringbuf_reserve(&ring, sizeof(*s), 0);

	if (!s) {
		count(TOTAL_STACKS_LOST);
		return;
	}
	fill_head(ec, &s->head, KIND_STACK, sizeof(*s));
	fill_stack(s, hash, depth, frames);
	count(TOTAL_STACKS_INLINE);
	submit_record(s);
}

static __always_inline u64 store_stack(struct exec_ctx *ec, struct scratch *s)
{
	long size;
	u64 hash;
	int err; /* not long: before 6.4 the upper half of the result is not set */

	__builtin_memset(s->frames, 0, sizeof(s->frames));
	size = bpf_get_stack(ec->ctx, s->frames, sizeof(s->frames), 0);
	if (size <= 0) {
		count(TOTAL_STACK_ERRORS);
		return 0;
	}
	hash = hash_frames(s->frames);
	count(TOTAL_STACKS_TAKEN);
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	err = bpf_map_update_elem(&stacks, &hash, s->frames, BPF_NOEXIST);
	if (!err || err == -EEXIST)
		return hash;
	if (err == -E2BIG)
		count(TOTAL_STACK_MAP_FULL);
	send_inline(ec, hash, (u64)size / sizeof(u64), s->frames);
	return hash;
}

/*
 * The hash of the current stack, 0 for none. Each level has its own scratch. Two
 * programs can still share one (preemption, or more nesting than LEVELS): the second
 * one takes no stack rather than a mixture.
 */
FUNCTION u64 capture_stack(struct exec_ctx *ec)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &ec->level);
	u32 slot = 0;
	struct budget *b = bpf_map_lookup_elem(&budgets, &slot);
	u64 hash = 0;

	if (!s || !b)
		return 0;
	if (cost_ns[0] && !affordable(ec, b, cost_ns[0])) {
		count(TOTAL_STACKS_OVER_BUDGET);
		return 0;
	}
	if (fetch_inc(&s->holders) == 0)
		hash = store_stack(ec, s);
	else
		count(TOTAL_STACK_BUSY);
	__sync_fetch_and_add(&s->holders, -1);
	return hash;
}

#endif
