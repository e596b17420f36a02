/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The process that last used a socket in its own task context, and the one that used it first. */
#ifndef TCPLEDGER_OWNER_H
#define TCPLEDGER_OWNER_H

#include "names.h"

static __always_inline struct kernfs_node *node_of(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn);
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
	struct kernfs_node *kn = node_of(unified);

	o->cgroup_id = BPF_CORE_READ(kn, id);
	o->cgroup_how = CGROUP_V2;
	if (o->cgroup_id == ROOT_CGROUP) {
		memory = memory_cgroup(set);
		if (memory && memory != unified) {
			kn = node_of(memory);
			o->cgroup_id = BPF_CORE_READ(kn, id);
			o->cgroup_how = CGROUP_MEMORY;
		}
	}
	name_cgroup(o->cgroup_id, o->cgroup_how, kn);
}

/* Nobody has used the socket yet. */
static __always_inline bool unowned(const struct conn_state *c)
{
	return c->owner.how == OWNER_UNKNOWN || c->owner.how == OWNER_LISTENER;
}

/* The first owner is kept beside the state: most connections have one owner only. */
static __always_inline void keep_opener(struct conn_state *c)
{
	u64 key = c->tuple.conn;

	if (unowned(c) || c->flags & STATE_PASSED)
		return;
	c->flags |= STATE_PASSED;
	bpf_map_update_elem(&openers, &key, &c->owner, BPF_ANY);
}

/* Its entry is no longer needed then. Unknown if the map had no room for it. */
static __always_inline void take_opener(struct owner *opener, const struct conn_state *c)
{
	u64 key = c->tuple.conn;
	struct owner *first;

	if (!(c->flags & STATE_PASSED)) {
		if (!unowned(c))
			*opener = c->owner;
		return;
	}
	first = bpf_map_lookup_elem(&openers, &key);
	if (!first)
		return;
	*opener = *first;
	bpf_map_delete_elem(&openers, &key);
}

/* leader: the process's first thread. */
FUNCTION void fill_owner(struct owner *o, struct task_struct *leader, u32 pid, u8 how)
{
	o->pid = pid;
	o->uid = BPF_CORE_READ(leader, cred, uid.val);
	o->how = how;
	o->start_at = BPF_CORE_READ(leader, start_boottime);
	o->image = BPF_CORE_READ(leader, self_exec_id);
	BPF_CORE_READ_INTO(&o->comm, leader, comm);
	o->exe = name_executable(leader);
	fill_cgroup(o, leader);
}

/* The process and its program are the owner's. A pid and its program's name come again, its start does not. */
static __always_inline bool is_owner(const struct owner *o, struct task_struct *leader, u32 pid)
{
	return o->pid == pid && o->start_at == BPF_CORE_READ(leader, start_boottime) &&
	       o->image == (u16)BPF_CORE_READ(leader, self_exec_id);
}

/* A socket whose first user is a process of tcpledger stays tcpledger's. */
FUNCTION void set_owner(struct conn_state *c, struct task_struct *leader, u32 pid, u8 how)
{
	if (unowned(c) && bpf_map_lookup_elem(&own_pids, &pid))
		c->flags |= STATE_OWN;
	fill_owner(&c->owner, leader, pid, how);
}

/*
 * The iterator over open files holds each file for a moment. If its holder closes it
 * just then, the agent's task makes the last release.
 */
static __always_inline bool released_by_agent(struct conn_state *c, u32 pid, u8 how)
{
	if (how != OWNER_CLOSE || c->flags & STATE_OWN || !bpf_map_lookup_elem(&own_pids, &pid))
		return false;
	c->flags |= STATE_CLOSED_BY_AGENT;
	return true;
}

/*
 * For task context only. If the process is the owner already, its name may be new;
 * how stays how it became the owner. A kernel thread owns only what it connects itself.
 */
FUNCTION void learn_owner(struct conn_state *c, u8 how)
{
	struct task_struct *task = current_task(), *leader = BPF_CORE_READ(task, group_leader);
	u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (!pid)
		return;
	if (is_owner(&c->owner, leader, pid)) {
		BPF_CORE_READ_INTO(&c->owner.comm, leader, comm);
		return;
	}
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		if (how != OWNER_CONNECT)
			return;
		how = OWNER_KERNEL;
	}
	if (released_by_agent(c, pid, how))
		return;
	keep_opener(c);
	set_owner(c, leader, pid, how);
}

#endif
