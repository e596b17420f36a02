/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types the hooks read, instead of a 3 MB vmlinux.h. Only names
 * matter: CO-RE moves every access to where the running kernel keeps the field.
 */
#ifndef TCPLEDGER_KERNEL_H
#define TCPLEDGER_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/* A function of its own in the object: shared by hooks, instead of copied into each. */
#define FUNCTION static __noinline

#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif

#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define ECONNABORTED 103
#define ECONNRESET 104
#define EEXIST 17
#define E2BIG 7
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define ROOT_CGROUP 1
#define SO_EE_ORIGIN_ICMP 2
#define SO_EE_ORIGIN_ICMP6 3

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

#include "kernel_task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

enum sock_flags { SOCK_DEAD, SOCK_DONE, SOCK_URGINLINE, SOCK_KEEPOPEN, SOCK_LINGER };
enum skb_drop_reason { SKB_DROP_REASON_TCP_FLAGS = 1, SKB_DROP_REASON_NOT_SPECIFIED };
enum sk_rst_reason { SK_RST_REASON_INVALID_SYN = 1 };
enum cgroup_subsys_id { memory_cgrp_id = 1 };

struct counter {
	s64 counter;
};

struct counter32 {
	u32 counter;
};

struct in6_addr {
	u8 s6_addr[16];
};

struct ns_common {
	unsigned int inum;
};

struct netns_ipv4 {
	u8 sysctl_tcp_abort_on_overflow; /* wider on old kernels: its low byte comes first */
};

struct net {
	struct ns_common ns;
	u64 net_cookie;
	struct netns_ipv4 ipv4;
};

/* 5.10 keeps it in an atomic that is only filled when somebody asks. */
struct net___lazy {
	struct counter net_cookie;
};

struct hlist_nulls_node {
	struct hlist_nulls_node **pprev;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	struct {
		struct net *net;
	} skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct counter skc_cookie;
	unsigned long skc_flags;
	struct hlist_nulls_node skc_nulls_node;
};

struct file___ref {
	struct {
		struct counter refcnt;
	} f_ref;
};

struct inode {
	u16 i_mode;
};

struct qstr {
	u64 hash_len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct counter f_count;
	struct inode *f_inode;
	void *private_data;
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	unsigned int next_fd;
};

struct sk_buff_head {
	struct sk_buff *prev;
	u32 qlen;
};

/* What the control block of a queued error holds. */
struct sock_exterr_skb {
	struct {
		u32 ee_errno;
		u8 ee_origin;
	} ee;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock_reuseport {
	unsigned int synq_overflow_ts;
};

struct sock {
	struct sock_common __sk_common;
	struct counter32 sk_drops;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct sock_reuseport *sk_reuseport_cb;
	struct {
		int owned;
	} sk_lock;
	int sk_err;
	int sk_err_soft;
	struct sk_buff_head sk_error_queue;
	struct socket *sk_socket;
	u16 sk_protocol;
	u16 sk_type;
	u8 sk_shutdown;
	unsigned long sk_lingertime;
	void *sk_user_data;
};

struct proto {
	char name[32];
};

/* Of a socket in a sockmap. */
struct sk_psock {
	struct sock *sk;
	struct proto *sk_proto;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct list_head {
	struct list_head *next;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	void *icsk_ulp_data;
	struct {
		struct counter32 qlen;
	} icsk_accept_queue;
	u8 icsk_ca_state : 5;
	u8 icsk_retransmits;
	u8 icsk_pending;
	u8 icsk_probes_out;
	struct {
		u32 lrcvtime;
	} icsk_ack;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u64 bytes_sent;
	u64 bytes_retrans;
	u64 bytes_received;
	u64 bytes_acked;
	u32 write_seq;
	u32 snd_nxt;
	u32 snd_una;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 segs_in;
	u32 segs_out;
	u32 total_retrans;
	u32 dsack_dups;
	u64 tcp_clock_cache;
	u32 snd_wnd;
	u32 srtt_us;
	u32 lsndtime;
	u32 rcv_tstamp;
	u32 retrans_stamp;
	int linger2;
	struct {
		int ts_recent_stamp;
	} rx_opt;
	bool is_mptcp;
	u8 repair : 1;
	u8 tcp_usec_ts : 1;
	struct list_head tsorted_sent_queue;
};

/* A subflow's part of an MPTCP socket, and the socket that the application has. */
struct mptcp_subflow_context {
	struct sock *conn;
};

struct mptcp_sock {
	struct sock *first;
};

struct request_sock {
	struct sock_common __req_common;
};

struct tcp_request_sock {
	u32 snt_isn;
};

struct net_device {
	int ifindex;
	struct {
		struct net *net;
	} nd_net;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	char cb[48];
	unsigned int len;
	int skb_iif;
	__be16 protocol;
	u16 network_header;
	unsigned int tail;
	unsigned int end;
	unsigned char *head;
};

struct skb_shared_info {
	u16 gso_segs;
};

struct tcp_skb_cb {
	u32 seq;
	u32 end_seq;
	u8 tcp_flags;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
