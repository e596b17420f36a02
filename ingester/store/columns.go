// SPDX-License-Identifier: Apache-2.0

package store

import (
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// The columns of each table, in the order of schema's Inserted, with the function that gives each value. A test holds them to
// the schema. The groups that connections and events share read the record that both embed.

// recordOf gives the record in a row.
type recordOf[R any] func(*R) *row.Record

func identityColumns[R any](rec recordOf[R]) []column[R] {
	return []column[R]{
		named("host", func(r *R) string { return rec(r).Host }),
		id("boot_id", func(r *R) uuid.UUID { return rec(r).BootID }),
		u64("session", func(r *R) uint64 { return rec(r).Session }),
		u32("stream", func(r *R) uint32 { return rec(r).ID.Stream }),
		u64("seq", func(r *R) uint64 { return rec(r).ID.Seq }),
	}
}

func socketColumns[R any](rec recordOf[R]) []column[R] {
	return []column[R]{
		u64("conn", func(r *R) uint64 { return rec(r).Socket.Conn }),
		u64("cookie", func(r *R) uint64 { return rec(r).Socket.Cookie }),
		u32("netns", func(r *R) uint32 { return rec(r).Socket.NetNS }),
		u64("netns_cookie", func(r *R) uint64 { return rec(r).Socket.NetNSCookie }),
	}
}

func tupleColumns[R any](rec recordOf[R]) []column[R] {
	return []column[R]{
		ip("local_ip", func(r *R) netip.Addr { return rec(r).Socket.LocalIP }),
		u16("local_port", func(r *R) uint16 { return rec(r).Socket.LocalPort }),
		ip("remote_ip", func(r *R) netip.Addr { return rec(r).Socket.RemoteIP }),
		u16("remote_port", func(r *R) uint16 { return rec(r).Socket.RemotePort }),
		u16("service_port", func(r *R) uint16 { return rec(r).ServicePort }),
		named("role", func(r *R) string { return rec(r).Role.String() }),
	}
}

func ownerColumns[R any](rec recordOf[R]) []column[R] {
	return []column[R]{
		u32("owner_pid", func(r *R) uint32 { return rec(r).Owner.PID }),
		named("owner_comm", func(r *R) string { return rec(r).Owner.Comm }),
		u32("owner_uid", func(r *R) uint32 { return rec(r).Owner.UID }),
		named("owner_how", func(r *R) string { return rec(r).Owner.How.String() }),
		momentOrNull("owner_start", func(r *R) schema.Optional { return rec(r).OwnerStart }),
		named("owner_exe", func(r *R) string { return rec(r).Owner.Exe }),
		u64("cgroup_id", func(r *R) uint64 { return rec(r).Owner.CgroupID }),
		named("cgroup_how", func(r *R) string { return rec(r).Owner.CgroupHow.String() }),
		text("container_id", func(r *R) string { return rec(r).Owner.Container }),
		named("k8s_namespace", func(r *R) string { return rec(r).Owner.PodNamespace }),
		named("k8s_pod", func(r *R) string { return rec(r).Owner.PodName }),
		text("k8s_pod_uid", func(r *R) string { return rec(r).Owner.PodUID }),
		named("service", func(r *R) string { return rec(r).Owner.Service }),
		u32("ctx_pid", func(r *R) uint32 { return rec(r).Context.PID }),
		named("ctx_comm", func(r *R) string { return rec(r).Context.Comm }),
		named("ctx_kind", func(r *R) string { return rec(r).Context.Kind.String() }),
	}
}

func endColumns[R any](rec recordOf[R]) []column[R] {
	return []column[R]{
		u32("weight", func(r *R) uint32 { return rec(r).ID.Weight }),
		u32("clock_error_us", func(r *R) uint32 { return rec(r).ClockErrorUS }),
		boolean("clock_off", func(r *R) bool { return rec(r).ClockOff }),
		moment("received_at", func(r *R) row.Micros { return rec(r).ReceivedAt }),
	}
}

func connectionColumns() []column[row.Connection] {
	type R = row.Connection
	rec := func(r *R) *row.Record { return &r.Record }
	finReceived := func(r *R) bool { return r.Ended.Flags.Has(schema.FlagFinReceived) }
	return slices.Concat([]column[R]{
		moment("closed_at", func(r *R) row.Micros { return r.At }),
		u64OrNull("duration_us", func(r *R) schema.Optional { return r.DurationUS }),
		u32OrNull("connect_us", func(r *R) schema.Optional { return r.Ended.ConnectUS }),
	}, identityColumns(rec), socketColumns(rec), []column[R]{
		named("flavour", func(r *R) string { return r.Ended.Flavour.String() }),
	}, tupleColumns(rec), natColumns(), []column[R]{
		named("cause", func(r *R) string { return string(r.Verdict.Cause) }),
		named("initiator", func(r *R) string { return string(r.Verdict.Initiator) }),
		named("error", func(r *R) string { return schema.ErrnoName(r.Ended.EndError()) }),
		u16("errno", func(r *R) uint16 { return errno(r.Ended.EndError()) }),
		named("reset", func(r *R) string { return string(r.Verdict.Reset) }),
		named("reset_reason", func(r *R) string { return r.Ended.ResetReason }),
		u32OrNull("reset_reason_raw", func(r *R) schema.Optional { return r.Ended.ResetReasonRaw }),
		named("last_state", func(r *R) string { return r.Ended.LastState.String() }),
	}, evidenceColumns(), []column[R]{
		u64("bytes_sent", func(r *R) uint64 { return r.Ended.BytesSent() }),
		u64("bytes_received", func(r *R) uint64 { return r.Ended.BytesReceived(finReceived(r)) }),
		u32("bytes_unsent", func(r *R) uint32 { return r.Ended.BytesUnsent() }),
		u32("bytes_unacked", func(r *R) uint32 { return r.Ended.BytesUnacked() }),
		u32("bytes_unread", func(r *R) uint32 { return r.Ended.BytesUnread(finReceived(r)) }),
		u32("segs_in", func(r *R) uint32 { return r.Ended.SegsIn }),
		u32("segs_out", func(r *R) uint32 { return r.Ended.SegsOut }),
		u32("retransmits", func(r *R) uint32 { return r.Ended.Retransmits }),
		u32OrNull("dsack_dups", func(r *R) schema.Optional { return r.Ended.DsackDups }),
		u32OrNull("srtt_us", func(r *R) schema.Optional { return r.Ended.SRTTUS }),
		u32OrNull("last_rx_age_ms", func(r *R) schema.Optional { return r.Ended.LastRxAgeMS }),
		u32OrNull("last_tx_age_ms", func(r *R) schema.Optional { return r.Ended.LastTxAgeMS }),
	}, ownerColumns(rec), []column[R]{
		u32("opener_pid", func(r *R) uint32 { return r.Ended.Opener.PID }),
		named("opener_comm", func(r *R) string { return r.Ended.Opener.Comm }),
		named("opener_exe", func(r *R) string { return r.Ended.Opener.Exe }),
		named("opener_how", func(r *R) string { return r.Ended.Opener.How.String() }),
		u64("stack_id", func(r *R) uint64 { return r.Ended.StackID }),
		u64("user_stack_id", func(r *R) uint64 { return r.Ended.UserStackID }),
	}, endColumns(rec))
}

// natColumns are the tuple as the other side sees it.
func natColumns() []column[row.Connection] {
	type R = row.Connection
	known := func(r *R) (netip.AddrPort, netip.AddrPort) {
		if n := &r.Ended.NAT; n.Known() {
			return netip.AddrPortFrom(n.LocalIP, n.LocalPort), netip.AddrPortFrom(n.RemoteIP, n.RemotePort)
		}
		return netip.AddrPort{}, netip.AddrPort{}
	}
	local := func(r *R) netip.AddrPort { a, _ := known(r); return a }
	remote := func(r *R) netip.AddrPort { _, a := known(r); return a }
	return []column[R]{
		ipOrNull("nat_local_ip", local), portOrNull("nat_local_port", local),
		ipOrNull("nat_remote_ip", remote), portOrNull("nat_remote_port", remote),
	}
}

// evidenceColumns are what the verdict was decided from, beside what the other columns hold.
func evidenceColumns() []column[row.Connection] {
	type R = row.Connection
	return []column[R]{
		u16("rules", func(*R) uint16 { return schema.RulesVersion }),
		u32("evidence", func(r *R) uint32 { return uint32(r.Ended.Flags) }),
		named("first_fin", func(r *R) string { return r.Ended.FirstFin.String() }),
		u32("first_fin_evidence", func(r *R) uint32 { return uint32(r.Ended.FirstFinFlags) }),
		named("error_reported", func(r *R) string { return schema.ErrnoName(r.Ended.ErrorReported) }),
		named("error_soft", func(r *R) string { return schema.ErrnoName(r.Ended.ErrorSoft) }),
		u8("shutdown", func(r *R) uint8 { return r.Ended.Shutdown }),
		u32("timer_retries", func(r *R) uint32 { return r.Ended.TimerRetries }),
		u32("probes_out", func(r *R) uint32 { return r.Ended.ProbesOut }),
		u32("send_window", func(r *R) uint32 { return r.Ended.SendWindow }),
	}
}

func eventColumns() []column[row.Event] {
	type R = row.Event
	rec := func(r *R) *row.Record { return &r.Record }
	return slices.Concat([]column[R]{
		moment("at", func(r *R) row.Micros { return r.At }),
		named("kind", func(r *R) string { return r.Event.Kind.String() }),
	}, identityColumns(rec), socketColumns(rec), tupleColumns(rec), ownerColumns(rec), []column[R]{
		named("direction", func(r *R) string { return r.Event.Direction.String() }),
		named("state", func(r *R) string { return r.Event.State.String() }),
		named("old_state", func(r *R) string { return r.Event.OldState.String() }),
		named("new_state", func(r *R) string { return r.Event.NewState.String() }),
		named("reason", func(r *R) string { return r.Event.Reason }),
		u32OrNull("reason_raw", func(r *R) schema.Optional { return r.Event.ReasonRaw }),
		named("error", func(r *R) string { return schema.ErrnoName(r.Event.Error) }),
		u16("errno", func(r *R) uint16 { return errno(r.Event.Error) }),
		u8("tcp_flags", func(r *R) uint8 { return r.Event.TCPFlags }),
		u32("length", func(r *R) uint32 { return r.Event.Length }),
		u32OrNull("packet_seq", func(r *R) schema.Optional { return r.Event.PacketSeq }),
		u32OrNull("packet_ack", func(r *R) schema.Optional { return r.Event.PacketAck }),
		u64OrNull("state_us", func(r *R) schema.Optional { return r.Event.StateUS }),
		u64("turned_away", func(r *R) uint64 { return r.Event.TurnedAway }),
		u64("aborted", func(r *R) uint64 { return r.Event.Aborted }),
		boolean("syn_cookies", func(r *R) bool { return r.Event.SynCookies != 0 }),
		u32("queued", func(r *R) uint32 { return r.Event.Queued }),
		u32("backlog", func(r *R) uint32 { return r.Event.Backlog }),
		u32("half_open", func(r *R) uint32 { return r.Event.HalfOpen }),
		u64("half_open_expired", func(r *R) uint64 { return r.Event.HalfOpenExpired }),
		u64("half_open_reset", func(r *R) uint64 { return r.Event.HalfOpenReset }),
		u64OrNull("cookies_sent", func(r *R) schema.Optional { return r.Event.CookiesSent }),
		u64("stack_id", func(r *R) uint64 { return r.Event.StackID }),
	}, endColumns(rec))
}
