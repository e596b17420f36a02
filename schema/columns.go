// SPDX-License-Identifier: Apache-2.0

package schema

// Types and codecs the tables share. Names are LowCardinality(String), never Enum: a value that the table lacks would
// fail the whole insert.
const (
	typeTime     = "DateTime64(6, 'UTC')"
	typeName     = "LowCardinality(String)"
	codecTime    = "Delta, ZSTD(1)"
	codecDelta   = "Delta, ZSTD(1)"
	codecPlain   = "ZSTD(1)"
	codecNumbers = "T64, ZSTD(1)"
)

func col(name, typ, codec, doc string) Column {
	return Column{Name: name, Type: typ, Codec: codec, Doc: doc}
}

func alias(name, typ, expression, doc string) Column {
	return Column{Name: name, Type: typ, Alias: expression, Doc: doc}
}

// first is the version of a table whose rows have an identity.
func first() Column {
	c := col("first", "UInt64", codecDelta, "Larger for a row that was received earlier: of the rows of one identity the largest stays")
	c.Materialized = "bitNot(toUInt64(toUnixTimestamp64Micro(received_at)))"
	return c
}

func identityColumns() []Column {
	return []Column{
		col("host", typeName, "", "The host that recorded it"),
		col("boot_id", "UUID", codecPlain, "/proc/sys/kernel/random/boot_id of that host"),
		col("session", "UInt64", codecPlain, "One life of the kernel-side maps"),
		col("stream", "UInt32", codecPlain, "cpu * 4 + nesting level"),
		col("seq", "UInt64", codecDelta, "Number in the stream, from 0"),
		alias("cpu", "Nullable(UInt32)", "if(stream < 2147483648, intDiv(stream, 4), NULL)", "The CPU it was recorded on; NULL for what the agent itself recorded"),
	}
}

func socketColumns() []Column {
	return []Column{
		col("conn", "UInt64", codecDelta, "Number of the connection, unique in the session; 0 if none is known"),
		col("cookie", "UInt64", codecDelta, "The kernel's socket cookie; a socket may live several connections"),
		col("netns", "UInt32", codecPlain, "Inode number of the network namespace, as lsns -t net prints it; reused by the kernel"),
		col("netns_cookie", "UInt64", codecPlain, "The kernel's cookie of that namespace, never reused in a boot"),
	}
}

func tupleColumns() []Column {
	return []Column{
		col("local_ip", "IPv6", codecPlain, "Local address, IPv4 mapped"),
		col("local_port", "UInt16", codecNumbers, "Local port"),
		col("remote_ip", "IPv6", codecPlain, "Remote address, IPv4 mapped"),
		col("remote_port", "UInt16", codecNumbers, "Remote port"),
		col("service_port", "UInt16", codecNumbers, "The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection"),
		col("role", typeName, "", "client, server or unknown"),
	}
}

func ownerColumns() []Column {
	return []Column{
		col("owner_pid", "UInt32", codecPlain, "Process that last used the socket in its own task context; 0 if unknown"),
		col("owner_comm", typeName, "", "Its name"),
		col("owner_uid", "UInt32", codecPlain, "Its user id; 4294967295 if unknown"),
		col("owner_how", typeName, "", "How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only), listen (of a listener event) or unknown"),
		col("owner_start", "Nullable("+typeTime+")", codecPlain, "When that process started: tells reused process ids apart"),
		col("owner_exe", typeName, "", "Its executable when it last used the socket, as its mount namespace names it; empty if unknown"),
		col("cgroup_id", "UInt64", codecPlain, "The owner task's cgroup"),
		col("cgroup_how", typeName, "", "v2, memory (v1 and hybrid hosts) or unknown"),
		col("container_id", "String", codecPlain, "Container id from the cgroup path"),
		col("k8s_namespace", typeName, "", "Kubernetes namespace"),
		col("k8s_pod", typeName, "", "Kubernetes pod"),
		col("k8s_pod_uid", "String", codecPlain, "Uid of the Kubernetes pod, from the cgroup path"),
		col("service", typeName, "", "systemd unit from the cgroup path"),
		col("ctx_pid", "UInt32", codecPlain, "Whatever ran on the CPU; often not the owner"),
		col("ctx_comm", typeName, "", "Its name"),
		col("ctx_kind", typeName, "", "task, softirq, idle, kernel_thread, hardirq or unknown"),
	}
}

func endColumns() []Column {
	return []Column{
		col("weight", "UInt32", codecPlain, "1 plus the records of this kind a budget skipped before this one"),
		col("clock_error_us", "UInt32", codecPlain, "The row's time is right within this"),
		col("clock_off", "Bool", codecPlain, "The host's clock was more than an hour off when it sent the row"),
		col("received_at", typeTime, codecTime, "When the ingester stored the row"),
		first(),
	}
}

func join(groups ...[]Column) []Column {
	var out []Column
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

// connectionColumns are in the order of the contract.
func connectionColumns() []Column {
	return join([]Column{
		col("closed_at", typeTime, codecTime, "When the connection ended"),
		col("duration_us", "Nullable(UInt64)", codecPlain, "From its beginning to its end; NULL when it began before the agent"),
		col("connect_us", "Nullable(UInt32)", codecPlain, "From its beginning to ESTABLISHED; NULL when it never got there or began before the agent"),
		alias("opened_at", "Nullable("+typeTime+")", "closed_at - toIntervalMicrosecond(duration_us)", "When the connection began; NULL when that was before the agent"),
	}, identityColumns(), socketColumns(), []Column{
		col("flavour", typeName, "", "tcp or mptcp_subflow"),
	}, tupleColumns(), []Column{
		col("nat_local_ip", "Nullable(IPv6)", codecPlain, "Local address as the other side sees it, if connection tracking of this host translates the connection; NULL if not, and if that is not known (docs/nat.md)"),
		col("nat_local_port", "Nullable(UInt16)", codecPlain, "Local port as the other side sees it"),
		col("nat_remote_ip", "Nullable(IPv6)", codecPlain, "Remote address as the other side sees it"),
		col("nat_remote_port", "Nullable(UInt16)", codecPlain, "Remote port as the other side sees it"),
		col("cause", typeName, "", "Why it ended"),
		col("initiator", typeName, "", "Who moved first: local, peer, kernel or unknown"),
		col("error", typeName, "", "The error that the socket ended with, or that ended its connect(); empty for none"),
		col("errno", "UInt16", codecNumbers, "Its number"),
		col("reset", typeName, "", "The reset of the ending: none, sent or received"),
		col("reset_reason", typeName, "", "The kernel's reason for it, if it gave one"),
		col("reset_reason_raw", "Nullable(UInt32)", codecPlain, "Its number on that kernel"),
		col("last_state", typeName, "", "The TCP state before CLOSE"),
		col("rules", "UInt16", codecNumbers, "Version of the rules that decided cause, initiator and reset; 0 of a row that is older than this column"),
		col("evidence", "UInt32", codecNumbers, "Facts about the socket at its end, one bit each (docs/verdicts.md)"),
		col("first_fin", typeName, "", "Who sent the first FIN: none, local or peer"),
		col("first_fin_evidence", "UInt32", codecNumbers, "The facts at the first FIN, the same bits"),
		col("error_reported", typeName, "", "The last error that the application got before the end, empty for none"),
		col("error_soft", typeName, "", "The error that the kernel kept for a timeout (sk_err_soft), empty for none"),
		col("shutdown", "UInt8", codecNumbers, "Directions that were shut down: receive 1, send 2"),
		col("timer_retries", "UInt32", codecNumbers, "Timeouts in a row without an acknowledgement (icsk_retransmits)"),
		col("probes_out", "UInt32", codecNumbers, "Keepalive and window probes without an answer (icsk_probes_out)"),
		col("send_window", "UInt32", codecNumbers, "The window that the peer offered (snd_wnd), bytes"),
		col("bytes_sent", "UInt64", codecNumbers, "Payload sent, each byte once"),
		col("bytes_received", "UInt64", codecNumbers, "Payload received, each byte once"),
		col("bytes_unsent", "UInt32", codecNumbers, "Written and never sent"),
		col("bytes_unacked", "UInt32", codecNumbers, "Sent and never acknowledged"),
		col("bytes_unread", "UInt32", codecNumbers, "Received and not read by the application when it ended"),
		col("segs_in", "UInt32", codecNumbers, "Segments received"),
		col("segs_out", "UInt32", codecNumbers, "Segments sent"),
		col("retransmits", "UInt32", codecNumbers, "Segments retransmitted"),
		col("dsack_dups", "Nullable(UInt32)", codecPlain, "Segments that the peer says it got twice: so many retransmissions were needless; NULL in a row of an older agent"),
		col("srtt_us", "Nullable(UInt32)", codecPlain, "Smoothed round trip; NULL if never measured"),
		col("last_rx_age_ms", "Nullable(UInt32)", codecPlain, "Since data last arrived; NULL if none did"),
		col("last_tx_age_ms", "Nullable(UInt32)", codecPlain, "Since data was last sent; NULL if none was"),
	}, ownerColumns(), []Column{
		col("opener_pid", "UInt32", codecPlain, "Process that used the socket first: for a client the one that connected; 0 if unknown"),
		col("opener_comm", typeName, "", "Its name when it last used the socket"),
		col("opener_exe", typeName, "", "Its executable then; empty if unknown"),
		col("opener_how", typeName, "", "How it is known, as owner_how"),
		col("stack_id", "UInt64", codecPlain, "Kernel stack of the moment that named the cause; 0 if none was taken"),
		col("user_stack_id", "UInt64", codecPlain, "User stack of that moment; 0 if none was taken"),
	}, endColumns())
}

func eventColumns() []Column {
	return join([]Column{
		col("at", typeTime, codecTime, "When it happened"),
		col("kind", typeName, "", "What happened, as reset_sent or drop; docs/agent.md lists the kinds"),
	}, identityColumns(), socketColumns(), tupleColumns(), ownerColumns(), []Column{
		col("direction", typeName, "", "The packet's: in, out or unknown"),
		col("state", typeName, "", "The socket's TCP state"),
		col("old_state", typeName, "", "Of a state event: before"),
		col("new_state", typeName, "", "Of a state event: after"),
		col("reason", typeName, "", "The kernel's reason for a reset or a drop; of a retransmit timeout, loss_recovery, fast_retransmit or tail_loss_probe (docs/retransmits.md)"),
		col("reason_raw", "Nullable(UInt32)", codecPlain, "Its number on that kernel; of a retransmit icsk_ca_state + 256 * icsk_pending"),
		col("error", typeName, "", "The error reported to the application, empty for none"),
		col("errno", "UInt16", codecNumbers, "Its number"),
		col("tcp_flags", "UInt8", codecPlain, "The TCP header's flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32"),
		col("length", "UInt32", codecNumbers, "Payload of the packet in bytes"),
		col("packet_seq", "Nullable(UInt32)", codecPlain, "Sequence number of the packet, of a reset that answers one of that packet; NULL without a packet"),
		col("packet_ack", "Nullable(UInt32)", codecPlain, "Of a drop: the packet's acknowledgement number; NULL if it has none"),
		col("state_us", "Nullable(UInt64)", codecPlain,
			"Of a lingering event: how long the socket had been in its state, at least so long if it is older than the agent; NULL if not even that is known"),
		col("turned_away", "UInt64", codecNumbers, "Of a listener event: attempts to connect that the listener turned away since the last one (ListenDrops)"),
		col("aborted", "UInt64", codecNumbers, "Of a listener event: resets that it sent because of tcp_abort_on_overflow"),
		col("syn_cookies", "Bool", codecPlain, "Of a listener event: it sent SYN cookies"),
		col("queued", "UInt32", codecNumbers, "Of a listener event: connections that waited for accept() at that moment"),
		col("backlog", "UInt32", codecNumbers, "Of a listener event: the limit of its queues, the smaller of listen()'s and net.core.somaxconn"),
		col("half_open", "UInt32", codecNumbers, "Of a listener event: handshakes that waited for their last packet at that moment"),
		col("half_open_expired", "UInt64", codecNumbers, "Of a listener event: handshakes since the last one that ended because the client never answered the SYN-ACK"),
		col("half_open_reset", "UInt64", codecNumbers, "Of a listener event: handshakes since the last one that the client ended by a reset; before Linux 6.11 only of those whose SYN-ACK was sent again"),
		col("cookies_sent", "Nullable(UInt64)", codecPlain, "Of a listener event: SYN cookies sent since the last one; NULL if the kernel's count is not of this listener alone"),
		col("stack_id", "UInt64", codecPlain, "Kernel stack; 0 if none was taken"),
	}, endColumns())
}
