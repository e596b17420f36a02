/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * iter/task_file: runs once, after everything else is attached. It finds the
 * connections that are older than the agent and who holds them, in every network
 * namespace.
 */
#ifndef TCPLEDGER_SEED_H
#define TCPLEDGER_SEED_H

#include "../listening.h"

/* 5.10 has no bpf_sock_from_file. */
static __always_inline struct sock *sock_of(struct file *file)
{
	u16 mode = BPF_CORE_READ(file, f_inode, i_mode);
	struct socket *socket;

	if ((mode & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	if (!socket || BPF_CORE_READ(socket, file) != file)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}

/* An MPTCP socket listens by a TCP socket without a file. */
static __always_inline struct sock *listening(struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		return NULL;
	if (!bpf_core_type_exists(struct mptcp_sock) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP)
		return sk;
	return BPF_CORE_READ((struct mptcp_sock *)sk, first);
}

/* A packet of the peer brought the socket into its state. Its acknowledgement is the last one or an earlier one. */
static __always_inline u64 since_last_ack(const struct tcp_sock *tp)
{
	u32 last = BPF_CORE_READ(tp, rcv_tstamp);

	return last ? (u64)((u32)bpf_jiffies64() - last) * tick_ns : 0;
}

/*
 * The FIN of this side brought the socket into its state. If nothing else is left to be
 * acknowledged and the timer has sent it again, the kernel knows when it first did.
 */
static __always_inline u64 since_fin_again(const struct tcp_sock *tp)
{
	u32 first = BPF_CORE_READ(tp, retrans_stamp);
	u64 unit = 1000000;

	if (!first || !BPF_CORE_READ(tp, inet_conn.icsk_retransmits) ||
	    BPF_CORE_READ(tp, snd_una) + 1 != BPF_CORE_READ(tp, write_seq))
		return 0;
	if (bpf_core_field_exists(tp->tcp_usec_ts) && BPF_CORE_READ_BITFIELD_PROBED(tp, tcp_usec_ts))
		unit = 1000;
	return (u64)((u32)(bpf_ktime_get_ns() / unit) - first) * unit;
}

/* A socket that the agent finds in its state has been there since now at the latest, and longer if the kernel shows it. */
static __always_inline void date_state(struct exec_ctx *ec, const struct sock *sk, struct conn_state *c, u8 state)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	if (state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT2 || state == TCP_CLOSING)
		c->state_at = ec->now - since_last_ack(tp);
	else if (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK)
		c->state_at = ec->now - since_fin_again(tp);
}

/* The iterator holds the file, so the socket stays. */
static __always_inline void seed_conn(struct exec_ctx *ec, struct sock *sk, struct task_struct *leader)
{
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	u32 pid = BPF_CORE_READ(leader, tgid);
	struct conn_state fresh, *c;
	u64 key = (u64)sk;
	int err; /* not long: before 6.4 the upper half of the result is not set */

	if (state == TCP_CLOSE || state == TCP_LISTEN)
		return;
	c = find_conn(sk);
	if (c) {
		if (unowned(c))
			set_owner(c, leader, pid, OWNER_SEED);
		return;
	}
	init_old_conn(ec, &fresh, state);
	fresh.flags |= STATE_SEEDED;
	date_state(ec, sk, &fresh, state);
	note_tuple(sk, &fresh, state);
	set_owner(&fresh, leader, pid, OWNER_SEED);
	err = bpf_map_update_elem(&conns, &key, &fresh, BPF_NOEXIST);
	if (err == -E2BIG)
		count(TOTAL_STATE_MAP_FULL);
}

/* The first holder that is found is the owner of its counts. */
static __always_inline void seed_listener(struct sock *sk, struct task_struct *leader, struct file *file, u32 fd)
{
	note_listener(sk, leader, file, fd);
	if (!find_listening(sk))
		begin_listening(sk, leader, bpf_ktime_get_boot_ns(), OWNER_SEED);
}

SEC("iter/task_file")
int on_seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task, *leader;
	struct file *file = ctx->file;
	struct sock *sk, *listener;
	struct exec_ctx ec;

	if (!task || !file)
		return 0;
	sk = sock_of(file);
	if (!sk || !is_ip(sk))
		return 0;
	leader = BPF_CORE_READ(task, group_leader);
	listener = listening(sk);
	if (listener && is_tcp(listener))
		seed_listener(listener, leader, file, ctx->fd);
	if (!is_tcp(sk) || !nesting_enter(&ec, ctx))
		return 0;
	seed_conn(&ec, sk, leader);
	nesting_leave(&ec);
	return 0;
}

#endif
