/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who listens: a hint at the owner of a child that nobody has used yet. It is given
 * only if one process holds the listener, and has the name that this process has when
 * the child is made. A listener that several hold may be anybody's.
 */
#ifndef TCPLEDGER_LISTENER_H
#define TCPLEDGER_LISTENER_H

#include "owner.h"

#define FDS 512 /* how many descriptors are searched, the latest ones */
#define FDS_AT_ONCE 8

/* The socket of an MPTCP listener belongs to no file. The application has another one. */
static __always_inline struct file *file_of(const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	struct mptcp_subflow_context *subflow;

	if (!bpf_core_field_exists(tp->is_mptcp) || !BPF_CORE_READ(tp, is_mptcp))
		return BPF_CORE_READ(sk, sk_socket, file);
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	return BPF_CORE_READ(subflow, conn, sk_socket, file);
}

/* ABSENT32 if it is not among them. */
FUNCTION u32 find_fd(struct task_struct *leader, const struct file *file)
{
	struct files_struct *files = BPF_CORE_READ(leader, files);
	u64 table = (u64)BPF_CORE_READ(files, fdt, fd), found[FDS_AT_ONCE];
	u32 next = BPF_CORE_READ(files, next_fd), from;
	u32 i, j;

	from = next > FDS ? (next - FDS) & ~(FDS_AT_ONCE - 1) : 0;
	for (i = 0; i < FDS / FDS_AT_ONCE; i++) {
		if (bpf_probe_read_kernel(found, sizeof(found), (void *)(table + from * 8)))
			break;
		for (j = 0; j < FDS_AT_ONCE; j++)
			if (found[j] == (u64)file)
				return from + j;
		from += FDS_AT_ONCE;
	}
	return ABSENT32;
}

FUNCTION void note_listener(const struct sock *sk, struct task_struct *leader, const struct file *file, u32 fd)
{
	struct listener l = { .leader = (u64)leader, .file = (u64)file, .fd = fd };
	u64 key = (u64)sk;

	l.pid = BPF_CORE_READ(leader, tgid);
	l.start_at = BPF_CORE_READ(leader, start_boottime);
	bpf_map_update_elem(&listeners, &key, &l, BPF_ANY);
}

static __always_inline void begin_listener(const struct sock *sk)
{
	struct task_struct *leader = BPF_CORE_READ(current_task(), group_leader);
	struct file *file = file_of(sk);

	if (file)
		note_listener(sk, leader, file, find_fd(leader, file));
}

static __always_inline void forget_listener(const struct sock *sk)
{
	u64 key = (u64)sk;

	bpf_map_delete_elem(&listeners, &key);
}

/*
 * A child begins as a copy of its listener. The empty list in it still points to the
 * listener's own list.
 */
static __always_inline u64 listener_of(const struct sock *child)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)child;

	if (!bpf_core_field_exists(tp->tsorted_sent_queue))
		return 0;
	return (u64)BPF_CORE_READ(tp, tsorted_sent_queue.next) - bpf_core_field_offset(struct tcp_sock, tsorted_sent_queue);
}

/* The memory of a process that has ended may hold anything. */
static __always_inline bool still_runs(const struct listener *l)
{
	struct task_struct *leader = (struct task_struct *)l->leader;

	return BPF_CORE_READ(leader, tgid) == (int)l->pid && BPF_CORE_READ(leader, start_boottime) == l->start_at;
}

static __always_inline bool still_holds(const struct listener *l)
{
	struct task_struct *leader = (struct task_struct *)l->leader;
	struct fdtable *table;
	struct file **slot, *file = NULL;

	if (!still_runs(l))
		return false;
	table = BPF_CORE_READ(leader, files, fdt);
	if (l->fd >= BPF_CORE_READ(table, max_fds))
		return false;
	slot = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slot + l->fd);
	return (u64)file == l->file;
}

/* fork, SCM_RIGHTS and dup count as holders, and a thread that waits in accept(). */
static __always_inline bool held_once(struct file *file)
{
	struct file___ref *ref = (void *)file;

	if (bpf_core_field_exists(ref->f_ref))
		return BPF_CORE_READ(ref, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(file, f_count.counter) == 1;
}

/* The hint holds until somebody uses the socket. */
FUNCTION void hint_owner(const struct sock *sk, struct conn_state *c)
{
	struct task_struct *leader;
	u64 key = listener_of(sk);
	struct listener *l;
	struct file *file;

	l = bpf_map_lookup_elem(&listeners, &key);
	if (!l || !still_holds(l))
		return;
	if (bpf_map_lookup_elem(&own_pids, &l->pid))
		c->flags |= STATE_OWN;
	leader = (struct task_struct *)l->leader;
	file = (struct file *)l->file;
	if (!held_once(file))
		return;
	BPF_CORE_READ_INTO(&c->owner.comm, leader, comm);
	c->owner.how = OWNER_LISTENER;
}

#endif
