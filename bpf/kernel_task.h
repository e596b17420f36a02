/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel's types of tasks and their control groups: part of kernel.h. */
#ifndef TCPLEDGER_KERNEL_TASK_H
#define TCPLEDGER_KERNEL_TASK_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file;
struct files_struct;

struct kernfs_node {
	u64 id;
	struct kernfs_node *parent;
	const char *name;
};

/* Since 6.15. */
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct cred {
	struct {
		u32 val;
	} uid;
};

/* x86 keeps the count per CPU, out of reach; arm64 and riscv keep it here. */
struct thread_info {
	u32 preempt_count;
};

struct mm_struct {
	struct file *exe_file;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	u64 self_exec_id;
	unsigned int flags;
	int tgid;
	struct task_struct *group_leader;
	const struct cred *cred;
	u64 start_boottime;
	char comm[16];
	struct css_set *cgroups;
};

#pragma clang attribute pop

#endif
