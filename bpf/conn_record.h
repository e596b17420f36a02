/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The connection record: the raw evidence of an ending. Go decides what it means. */
#ifndef TCPLEDGER_CONNECTION_H
#define TCPLEDGER_CONNECTION_H

#include "evidence.h"
#include "sock.h"
#include "stack.h"

/* No FIN explains such an end: its own stack says why. */
static __always_inline bool abnormal(const struct sock *sk, const struct conn_state *c, u8 old)
{
	if (BPF_CORE_READ(sk, sk_err) || c->flags & (STATE_RESET_SENT | STATE_RESET_RECEIVED))
		return true;
	if (old == TCP_FIN_WAIT2)
		return BPF_CORE_READ((struct tcp_sock *)sk, linger2) < 0;
	return old != TCP_LAST_ACK && old != TCP_CLOSING && old != TCP_TIME_WAIT;
}

/* ABSENT32 if the age does not fit: 49 days. */
static __always_inline u32 age_ms(u64 jiffies, u32 then)
{
	u64 age = (u64)((u32)jiffies - then) * tick_ns / 1000000;

	return then && age < ABSENT32 ? age : ABSENT32;
}

static __always_inline void fill_ages(struct connection *r, const struct tcp_sock *tp)
{
	u64 now = bpf_jiffies64();

	r->last_rx_age_ms = age_ms(now, BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime));
	r->last_tx_age_ms = age_ms(now, BPF_CORE_READ(tp, lsndtime));
}

FUNCTION void fill_counters(struct connection *r, const struct tcp_sock *tp)
{
	r->bytes_sent = BPF_CORE_READ(tp, bytes_sent);
	r->bytes_retrans = BPF_CORE_READ(tp, bytes_retrans);
	r->bytes_received = BPF_CORE_READ(tp, bytes_received);
	r->bytes_acked = BPF_CORE_READ(tp, bytes_acked);
	r->write_seq = BPF_CORE_READ(tp, write_seq);
	r->snd_nxt = BPF_CORE_READ(tp, snd_nxt);
	r->snd_una = BPF_CORE_READ(tp, snd_una);
	r->rcv_nxt = BPF_CORE_READ(tp, rcv_nxt);
	r->copied_seq = BPF_CORE_READ(tp, copied_seq);
	r->segs_in = BPF_CORE_READ(tp, segs_in);
	r->segs_out = BPF_CORE_READ(tp, segs_out);
	r->total_retrans = BPF_CORE_READ(tp, total_retrans);
	r->dsack_dups = BPF_CORE_READ(tp, dsack_dups);
	r->snd_wnd = BPF_CORE_READ(tp, snd_wnd);
	r->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	r->retransmits = BPF_CORE_READ(tp, inet_conn.icsk_retransmits);
	r->probes_out = BPF_CORE_READ(tp, inet_conn.icsk_probes_out);
	fill_ages(r, tp);
}

static __always_inline u8 flavour_of(const struct tcp_sock *tp)
{
	if (bpf_core_field_exists(tp->is_mptcp) && BPF_CORE_READ(tp, is_mptcp))
		return FLAVOUR_MPTCP_SUBFLOW;
	return FLAVOUR_TCP;
}

FUNCTION void fill_end(struct connection *r, const struct sock *sk, const struct conn_state *c)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	r->error = BPF_CORE_READ(sk, sk_err);
	r->error_soft = BPF_CORE_READ(sk, sk_err_soft);
	if (!r->error_reported && !(c->flags & STATE_ERRORS_QUEUED))
		r->error_reported = queued_error(sk);
	r->shutdown = BPF_CORE_READ(sk, sk_shutdown);
	r->linger2 = BPF_CORE_READ(tp, linger2);
	r->evidence |= holder_evidence(sk) | socket_evidence(sk);
	if (r->linger2 < 0)
		r->evidence |= FLAG_LINGER2_OFF;
	r->flavour = flavour_of(tp);
	fill_counters(r, tp);
	if (!r->write_seq)
		r->evidence |= FLAG_NO_SEQUENCE;
}

FUNCTION void fill_life(struct connection *r, const struct conn_state *c)
{
	r->tuple.conn = c->tuple.conn;
	r->owner = c->owner;
	take_opener(&r->opener, c);
	r->evidence = state_evidence(c);
	r->opened_at = c->opened_at;
	r->connect_us = c->connect_us;
	r->reset_reason = c->reset_reason;
	r->role = c->role;
	r->first_at = c->first_at;
	r->first_who = c->first_who;
	r->first_evidence = c->first_evidence;
	r->error_reported = c->error_reported;
}

/* The stack and the context are those of the first FIN, or of the end if it is abnormal. */
FUNCTION void emit_connection(struct exec_ctx *ec, const struct sock *sk,
					    const struct conn_state *c, u8 old, u32 extra)
{
	bool at_close = abnormal(sk, c, old) || !c->first_who;
	u64 stack = c->first_stack;
	struct connection *r;

	if (!enabled(KIND_CONNECTION) || is_own(c, KIND_CONNECTION) ||
	    !within_budget(ec, KIND_CONNECTION))
		return;
	if (at_close)
		stack = capture_stack(ec);
	r = begin_record(ec, KIND_CONNECTION, struct connection);
	if (!r)
		return;
	__builtin_memset((void *)r + sizeof(r->head), 0, sizeof(*r) - sizeof(r->head));
	r->stack = stack;
	r->old_state = old;
	r->context = c->first_context;
	if (at_close)
		fill_context(&r->context, state_context(sk, TCP_CLOSE));
	fill_tuple(&r->tuple, sk, true);
	fill_life(r, c);
	fill_end(r, sk, c);
	r->evidence |= extra;
	submit_record(r);
}

#endif
