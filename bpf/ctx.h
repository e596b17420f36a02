/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What ran on the CPU. The process that owns the socket is another matter: owner.h. */
#ifndef TCPLEDGER_CTX_H
#define TCPLEDGER_CTX_H

#include "number.h"

#define HARDIRQ_MASK 0xf0000
#define SERVING_SOFTIRQ 0x100 /* the whole of 0xff00 also counts tasks that disabled softirqs */

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline u8 interrupted(struct task_struct *task, u8 hint)
{
	u32 count;

	if (!bpf_core_field_exists(task->thread_info) ||
	    !bpf_core_field_exists(task->thread_info.preempt_count))
		return hint;
	count = BPF_CORE_READ(task, thread_info.preempt_count);
	if (count & HARDIRQ_MASK)
		return CTX_HARDIRQ;
	return count & SERVING_SOFTIRQ ? CTX_SOFTIRQ : CTX_TASK;
}

/* hint: what the socket's lock says; CTX_UNKNOWN if it says nothing. */
FUNCTION void fill_context(struct context *c, u8 hint)
{
	struct task_struct *task = current_task();
	u64 id = bpf_get_current_pid_tgid();

	__builtin_memset(c, 0, sizeof(*c));
	c->pid = id >> 32;
	bpf_get_current_comm(c->comm, sizeof(c->comm));
	if ((u32)id == 0)
		c->kind = CTX_IDLE;
	else if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		c->kind = CTX_KERNEL_THREAD;
	else
		c->kind = interrupted(task, hint);
}

#endif
