/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The process that last used a socket in its own task context. */
#ifndef TCPLEDGER_OWNER_H
#define TCPLEDGER_OWNER_H

#include "ctx.h"

static __always_inline u64 cgroup_number(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id);
}

static __always_inline struct cgroup *memory_cgroup(struct css_set *set)
{
	struct cgroup_subsys_state *css = NULL;
	u64 offset;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	offset = bpf_core_field_offset(struct css_set, subsys) +
		 bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(css);
	bpf_probe_read_kernel(&css, sizeof(css), (void *)set + offset);
	return BPF_CORE_READ(css, cgroup);
}

/* On v1 and hybrid hosts every task is in the v2 root: the memory controller names the cgroup. */
FUNCTION void fill_cgroup(struct owner *o, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *unified = BPF_CORE_READ(set, dfl_cgrp), *memory;

	o->cgroup_id = cgroup_number(unified);
	o->cgroup_how = CGROUP_V2;
	if (o->cgroup_id != ROOT_CGROUP)
		return;
	memory = memory_cgroup(set);
	if (!memory || memory == unified)
		return;
	o->cgroup_id = cgroup_number(memory);
	o->cgroup_how = CGROUP_MEMORY;
}

/* Nobody has used the socket yet. */
static __always_inline bool unowned(const struct conn_state *c)
{
	return c->owner.how == OWNER_UNKNOWN || c->owner.how == OWNER_LISTENER;
}

/* A socket whose first user is a process of tcpledger stays tcpledger's. */
FUNCTION void set_owner(struct conn_state *c, struct task_struct *task, u32 pid, u8 how)
{
	struct owner *o = &c->owner;

	if (unowned(c) && bpf_map_lookup_elem(&own_pids, &pid))
		c->flags |= STATE_OWN;
	o->pid = pid;
	o->uid = BPF_CORE_READ(task, cred, uid.val);
	o->how = how;
	o->start_at = BPF_CORE_READ(task, group_leader, start_boottime);
	BPF_CORE_READ_INTO(&o->comm, task, group_leader, comm);
	fill_cgroup(o, task);
}

/*
 * For task context only. A process that is the owner already changes nothing: how
 * is how it became the owner. A kernel thread owns only what it connects itself.
 */
FUNCTION void learn_owner(struct conn_state *c, u8 how)
{
	struct task_struct *task = current_task();
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct owner *o = &c->owner;

	if (!pid || (o->pid == pid && o->how != OWNER_UNKNOWN))
		return;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		if (how != OWNER_CONNECT)
			return;
		how = OWNER_KERNEL;
	}
	set_owner(c, task, pid, how);
}

#endif
