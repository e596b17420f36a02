/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Numbers that never repeat under nesting. A tracepoint program can be
 * interrupted on its CPU by another: each nesting level counts for itself, and
 * levels restore themselves under strict nesting. Kernels whose tracepoints may
 * be preempted (7.2 was seen to) offer a way to forbid it: nesting stays strict,
 * and no record waits half written. A task whose time is up still goes at the
 * end, before the kernel takes the program for ended: see state.h. Where the
 * kernel has an atomic fetch-and-add the agent patches it over take(), so that
 * numbers hold whatever happens.
 */
#ifndef TCPLEDGER_NUMBER_H
#define TCPLEDGER_NUMBER_H

#include "maps.h"

/* numbers.go looks for this constant and the exact five instructions below. */
#define TAKE_MARK 0x7ed6e270

static __always_inline u64 take(u64 *counter)
{
	u64 old, next;

	asm volatile("%[next] = %[mark]\n"
		     "%[old] = *(u64 *)(%[counter] + 0)\n"
		     "%[next] = %[old]\n"
		     "%[next] += 1\n"
		     "*(u64 *)(%[counter] + 0) = %[next]\n"
		     : [old] "=&r"(old), [next] "=&r"(next)
		     : [counter] "r"(counter), [mark] "i"(TAKE_MARK)
		     : "memory");
	return old;
}

extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;

/* Both or neither: on a kernel without them the verifier sees no call at all. */
static __always_inline void stay(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_disable();
}

static __always_inline void go(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_enable();
}

/* Where a program runs: its CPU, nesting level and stream. */
struct here {
	void *ctx;
	struct cpu *cpu;
	struct stream *stream;
	u64 now;
	u32 level;
	u32 id;
};

static __always_inline bool enter(struct here *h, void *ctx)
{
	u32 zero = 0;
	u64 level;

	stay();
	h->ctx = ctx;
	h->cpu = bpf_map_lookup_elem(&cpus, &zero);
	if (!h->cpu) {
		go();
		return false;
	}
	level = *(volatile u64 *)&h->cpu->level;
	__sync_fetch_and_add(&h->cpu->level, 1);
	h->level = level < LEVELS ? level : LEVELS - 1;
	h->id = bpf_get_smp_processor_id() * LEVELS + h->level;
	h->now = bpf_ktime_get_boot_ns();
	h->stream = bpf_map_lookup_elem(&streams, &h->level);
	if (h->stream)
		return true;
	__sync_fetch_and_add(&h->cpu->level, -1);
	go();
	return false;
}

static __always_inline void leave(struct here *h)
{
	__sync_fetch_and_add(&h->cpu->level, -1);
	go();
}

/* A connection's number: unique in the session, never 0. */
static __always_inline u64 number_conn(struct here *h)
{
	return ((u64)h->id << 40 | (take(&h->stream->conns) & 0xffffffffffULL)) + 1;
}

#endif
