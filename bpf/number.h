/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Numbers that never repeat. A program can interrupt another one on its CPU, so each
 * nesting level has its own counters; a level is restored when its program ends.
 *
 * Some kernels may preempt a task inside a tracepoint (7.2 does). A program disables
 * preemption while it runs if the kernel offers that, so nesting stays strict and no
 * record waits half written. A task that must yield is preempted when the program
 * enables preemption again, and the kernel still counts the program as running: it
 * skips the program for other tasks until then. hook/state.h makes up for that.
 *
 * On kernels with an atomic fetch-and-add the agent patches fetch_inc() to use it.
 * Numbers then hold under preemption too.
 */
#ifndef TCPLEDGER_NUMBER_H
#define TCPLEDGER_NUMBER_H

#include "maps.h"

/* number.go looks for this constant and for exactly these five instructions. */
#define FETCH_INC_MARK 0x7ed6e270

static __always_inline u64 fetch_inc(u64 *counter)
{
	u64 old, next;

	asm volatile("%[next] = %[mark]\n"
		     "%[old] = *(u64 *)(%[counter] + 0)\n"
		     "%[next] = %[old]\n"
		     "%[next] += 1\n"
		     "*(u64 *)(%[counter] + 0) = %[next]\n"
		     : [old] "=&r"(old), [next] "=&r"(next)
		     : [counter] "r"(counter), [mark] "i"(FETCH_INC_MARK)
		     : "memory");
	return old;
}

extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;

/* A kernel has both functions or neither; without them the verifier sees no call. */
static __always_inline void preempt_disable(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_disable();
}

static __always_inline void preempt_enable(void)
{
	if (bpf_preempt_disable)
		bpf_preempt_enable();
}

/* The execution context of a program: its CPU, nesting level and stream. */
struct exec_ctx {
	void *ctx;
	struct cpu *cpu;
	struct stream *stream;
	u64 now;
	u32 level;
	u32 id; /* of the stream */
};

/* False: the program must return. Otherwise it ends with nesting_leave. */
static __always_inline bool nesting_enter(struct exec_ctx *ec, void *ctx)
{
	u32 zero = 0;
	u64 level;

	preempt_disable();
	ec->ctx = ctx;
	ec->cpu = bpf_map_lookup_elem(&cpus, &zero);
	if (!ec->cpu) {
		preempt_enable();
		return false;
	}
	level = *(volatile u64 *)&ec->cpu->level;
	__sync_fetch_and_add(&ec->cpu->level, 1);
	ec->level = level < LEVELS ? level : LEVELS - 1;
	ec->id = bpf_get_smp_processor_id() * LEVELS + ec->level;
	ec->now = bpf_ktime_get_boot_ns();
	ec->stream = bpf_map_lookup_elem(&streams, &ec->level);
	if (ec->stream)
		return true;
	__sync_fetch_and_add(&ec->cpu->level, -1);
	preempt_enable();
	return false;
}

static __always_inline void nesting_leave(struct exec_ctx *ec)
{
	__sync_fetch_and_add(&ec->cpu->level, -1);
	preempt_enable();
}

/* The number of a connection is unique in the session and never 0. */
static __always_inline u64 next_conn_number(struct exec_ctx *ec)
{
	return ((u64)ec->id << 40 | (fetch_inc(&ec->stream->conns) & 0xffffffffffULL)) + 1;
}

#endif
