-- SPDX-License-Identifier: Apache-2.0

CREATE DATABASE IF NOT EXISTS {db}{on_cluster};

CREATE TABLE IF NOT EXISTS {db}.migrations{on_cluster} (`step` UInt32, `name` String, `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = {replicated}ReplacingMergeTree{on_all_shards} ORDER BY step;

CREATE TABLE IF NOT EXISTS {db}.connections{local}{on_cluster}
(
    `closed_at` DateTime64(6, 'UTC') COMMENT 'When the connection ended' CODEC(Delta, ZSTD(1)),
    `duration_us` Nullable(UInt64) COMMENT 'From its beginning to its end; NULL when it began before the agent' CODEC(ZSTD(1)),
    `connect_us` Nullable(UInt32) COMMENT 'From its beginning to ESTABLISHED; NULL when it never got there or began before the agent' CODEC(ZSTD(1)),
    `opened_at` Nullable(DateTime64(6, 'UTC')) ALIAS closed_at - toIntervalMicrosecond(duration_us) COMMENT 'When the connection began; NULL when that was before the agent',
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID COMMENT '/proc/sys/kernel/random/boot_id of that host' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `stream` UInt32 COMMENT 'cpu * 4 + nesting level' CODEC(ZSTD(1)),
    `seq` UInt64 COMMENT 'Number in the stream, from 0' CODEC(Delta, ZSTD(1)),
    `cpu` Nullable(UInt32) ALIAS if(stream < 2147483648, intDiv(stream, 4), NULL) COMMENT 'The CPU it was recorded on; NULL for what the agent itself recorded',
    `conn` UInt64 COMMENT 'Number of the connection, unique in the session; 0 where none is known' CODEC(Delta, ZSTD(1)),
    `cookie` UInt64 COMMENT 'The kernel\'s socket cookie; a socket may live several connections' CODEC(Delta, ZSTD(1)),
    `netns` UInt32 COMMENT 'Inode number of the network namespace, as lsns -t net prints it; reused by the kernel' CODEC(ZSTD(1)),
    `netns_cookie` UInt64 COMMENT 'The kernel\'s cookie of that namespace, never reused in a boot' CODEC(ZSTD(1)),
    `flavour` LowCardinality(String) COMMENT 'tcp or mptcp_subflow',
    `local_ip` IPv6 COMMENT 'Local address, IPv4 mapped' CODEC(ZSTD(1)),
    `local_port` UInt16 COMMENT 'Local port' CODEC(T64, ZSTD(1)),
    `remote_ip` IPv6 COMMENT 'Remote address, IPv4 mapped' CODEC(ZSTD(1)),
    `remote_port` UInt16 COMMENT 'Remote port' CODEC(T64, ZSTD(1)),
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `error` LowCardinality(String) COMMENT 'The error the socket ended with, empty for none',
    `errno` UInt16 COMMENT 'Its number' CODEC(T64, ZSTD(1)),
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `reset_reason` LowCardinality(String) COMMENT 'The kernel\'s reason for it, where it has one',
    `reset_reason_raw` Nullable(UInt32) COMMENT 'Its number on that kernel' CODEC(ZSTD(1)),
    `last_state` LowCardinality(String) COMMENT 'The TCP state before CLOSE',
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt32 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unacked` UInt32 COMMENT 'Sent and never acknowledged' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt32 COMMENT 'Received and not read by the application when it ended' CODEC(T64, ZSTD(1)),
    `segs_in` UInt32 COMMENT 'Segments received' CODEC(T64, ZSTD(1)),
    `segs_out` UInt32 COMMENT 'Segments sent' CODEC(T64, ZSTD(1)),
    `retransmits` UInt32 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `srtt_us` Nullable(UInt32) COMMENT 'Smoothed round trip; NULL where never measured' CODEC(ZSTD(1)),
    `last_rx_age_ms` Nullable(UInt32) COMMENT 'Since data last arrived; NULL where none did' CODEC(ZSTD(1)),
    `last_tx_age_ms` Nullable(UInt32) COMMENT 'Since data was last sent; NULL where none was' CODEC(ZSTD(1)),
    `owner_pid` UInt32 COMMENT 'Process that last used the socket in its own task context; 0 where unknown' CODEC(ZSTD(1)),
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `owner_uid` UInt32 COMMENT 'Its user id; 4294967295 where unknown' CODEC(ZSTD(1)),
    `owner_how` LowCardinality(String) COMMENT 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only) or unknown',
    `owner_start` Nullable(DateTime64(6, 'UTC')) COMMENT 'When that process started: tells reused process ids apart' CODEC(ZSTD(1)),
    `owner_exe` LowCardinality(String) COMMENT 'Its executable, where /proc still had it',
    `cgroup_id` UInt64 COMMENT 'The owner task\'s cgroup' CODEC(ZSTD(1)),
    `cgroup_how` LowCardinality(String) COMMENT 'v2, memory (v1 and hybrid hosts) or unknown',
    `container_id` String COMMENT 'Container id from the cgroup path' CODEC(ZSTD(1)),
    `k8s_namespace` LowCardinality(String) COMMENT 'Kubernetes namespace',
    `k8s_pod` LowCardinality(String) COMMENT 'Kubernetes pod',
    `service` LowCardinality(String) COMMENT 'systemd unit from the cgroup path',
    `ctx_pid` UInt32 COMMENT 'Whatever ran on the CPU; often not the owner' CODEC(ZSTD(1)),
    `ctx_comm` LowCardinality(String) COMMENT 'Its name',
    `ctx_kind` LowCardinality(String) COMMENT 'task, softirq, idle, kernel_thread, hardirq or unknown',
    `stack_id` UInt64 COMMENT 'Kernel stack of the moment that named the cause; 0 where none was taken' CODEC(ZSTD(1)),
    `user_stack_id` UInt64 COMMENT 'User stack of that moment; 0 where none was taken' CODEC(ZSTD(1)),
    `weight` UInt32 COMMENT '1 plus the records of this kind a budget skipped before this one' CODEC(ZSTD(1)),
    `clock_error_us` UInt32 COMMENT 'The row\'s time is right within this' CODEC(ZSTD(1)),
    `clock_off` Bool COMMENT 'The host\'s clock was more than an hour off when it sent the row' CODEC(ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1)),
    INDEX remote_ip_bloom remote_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(closed_at)
PRIMARY KEY (toStartOfFiveMinutes(closed_at), host, cgroup_id)
ORDER BY (toStartOfFiveMinutes(closed_at), host, cgroup_id, conn, closed_at, session, stream, seq)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row for each TCP connection that ended: who ended it, why, in which code path, on whose behalf';

CREATE TABLE IF NOT EXISTS {db}.events{local}{on_cluster}
(
    `at` DateTime64(6, 'UTC') COMMENT 'When it happened' CODEC(Delta, ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'reset_sent, reset_received, drop, retransmit, retransmit_synack, error, state, skb_consumed or lingering',
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID COMMENT '/proc/sys/kernel/random/boot_id of that host' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `stream` UInt32 COMMENT 'cpu * 4 + nesting level' CODEC(ZSTD(1)),
    `seq` UInt64 COMMENT 'Number in the stream, from 0' CODEC(Delta, ZSTD(1)),
    `cpu` Nullable(UInt32) ALIAS if(stream < 2147483648, intDiv(stream, 4), NULL) COMMENT 'The CPU it was recorded on; NULL for what the agent itself recorded',
    `conn` UInt64 COMMENT 'Number of the connection, unique in the session; 0 where none is known' CODEC(Delta, ZSTD(1)),
    `cookie` UInt64 COMMENT 'The kernel\'s socket cookie; a socket may live several connections' CODEC(Delta, ZSTD(1)),
    `netns` UInt32 COMMENT 'Inode number of the network namespace, as lsns -t net prints it; reused by the kernel' CODEC(ZSTD(1)),
    `netns_cookie` UInt64 COMMENT 'The kernel\'s cookie of that namespace, never reused in a boot' CODEC(ZSTD(1)),
    `local_ip` IPv6 COMMENT 'Local address, IPv4 mapped' CODEC(ZSTD(1)),
    `local_port` UInt16 COMMENT 'Local port' CODEC(T64, ZSTD(1)),
    `remote_ip` IPv6 COMMENT 'Remote address, IPv4 mapped' CODEC(ZSTD(1)),
    `remote_port` UInt16 COMMENT 'Remote port' CODEC(T64, ZSTD(1)),
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `owner_pid` UInt32 COMMENT 'Process that last used the socket in its own task context; 0 where unknown' CODEC(ZSTD(1)),
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `owner_uid` UInt32 COMMENT 'Its user id; 4294967295 where unknown' CODEC(ZSTD(1)),
    `owner_how` LowCardinality(String) COMMENT 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only) or unknown',
    `owner_start` Nullable(DateTime64(6, 'UTC')) COMMENT 'When that process started: tells reused process ids apart' CODEC(ZSTD(1)),
    `owner_exe` LowCardinality(String) COMMENT 'Its executable, where /proc still had it',
    `cgroup_id` UInt64 COMMENT 'The owner task\'s cgroup' CODEC(ZSTD(1)),
    `cgroup_how` LowCardinality(String) COMMENT 'v2, memory (v1 and hybrid hosts) or unknown',
    `container_id` String COMMENT 'Container id from the cgroup path' CODEC(ZSTD(1)),
    `k8s_namespace` LowCardinality(String) COMMENT 'Kubernetes namespace',
    `k8s_pod` LowCardinality(String) COMMENT 'Kubernetes pod',
    `service` LowCardinality(String) COMMENT 'systemd unit from the cgroup path',
    `ctx_pid` UInt32 COMMENT 'Whatever ran on the CPU; often not the owner' CODEC(ZSTD(1)),
    `ctx_comm` LowCardinality(String) COMMENT 'Its name',
    `ctx_kind` LowCardinality(String) COMMENT 'task, softirq, idle, kernel_thread, hardirq or unknown',
    `direction` LowCardinality(String) COMMENT 'The packet\'s: in, out or unknown',
    `state` LowCardinality(String) COMMENT 'The socket\'s TCP state',
    `old_state` LowCardinality(String) COMMENT 'Of a state event: before',
    `new_state` LowCardinality(String) COMMENT 'Of a state event: after',
    `reason` LowCardinality(String) COMMENT 'The kernel\'s reason for a reset or a drop',
    `reason_raw` Nullable(UInt32) COMMENT 'Its number on that kernel' CODEC(ZSTD(1)),
    `error` LowCardinality(String) COMMENT 'The error reported to the application, empty for none',
    `errno` UInt16 COMMENT 'Its number' CODEC(T64, ZSTD(1)),
    `tcp_flags` UInt8 COMMENT 'The TCP header\'s flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32' CODEC(ZSTD(1)),
    `length` UInt32 COMMENT 'Payload of the packet in bytes' CODEC(T64, ZSTD(1)),
    `stack_id` UInt64 COMMENT 'Kernel stack; 0 where none was taken' CODEC(ZSTD(1)),
    `weight` UInt32 COMMENT '1 plus the records of this kind a budget skipped before this one' CODEC(ZSTD(1)),
    `clock_error_us` UInt32 COMMENT 'The row\'s time is right within this' CODEC(ZSTD(1)),
    `clock_off` Bool COMMENT 'The host\'s clock was more than an hour off when it sent the row' CODEC(ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1)),
    INDEX remote_ip_bloom remote_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfFiveMinutes(at), host, cgroup_id)
ORDER BY (toStartOfFiveMinutes(at), host, cgroup_id, conn, at, session, stream, seq)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row for each reset, drop, retransmission, error and the like';

CREATE TABLE IF NOT EXISTS {db}.stacks{local}{on_cluster}
(
    `stack_id` UInt64 COMMENT 'Hash of the (build id, offset) frames: the same on every host with that build',
    `fp` UInt64 COMMENT 'Fingerprint of the function names: the same across builds; 0 until every frame is resolved',
    `frames_resolved` UInt16 COMMENT 'Frames that have a symbol',
    `symbols` Array(String) COMMENT 'Function and offset in it, or the raw address in hex where there is no symbol' CODEC(ZSTD(1)),
    `offsets` Array(UInt64) COMMENT 'Offset in the module, or the raw address without symbols' CODEC(ZSTD(1)),
    `modules` Array(String) COMMENT 'Module of each frame' CODEC(ZSTD(1)),
    `build_ids` Array(String) COMMENT 'Build id of each frame\'s module, empty where unknown' CODEC(ZSTD(1)),
    `lines` Array(String) COMMENT 'Source line of each frame, where known' CODEC(ZSTD(1)),
    `kernel_release` LowCardinality(String) COMMENT 'A kernel it was seen on',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row'
)
ENGINE = {replicated}ReplacingMergeTree(frames_resolved)
ORDER BY stack_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each distinct stack once, outermost frame last; read it through the dictionary stack';

CREATE TABLE IF NOT EXISTS {db}.symbols{local}{on_cluster}
(
    `build_id` String COMMENT 'Build id of the module' CODEC(ZSTD(1)),
    `module` LowCardinality(String) COMMENT 'kernel, a kernel module\'s name, or bpf',
    `piece` UInt32 COMMENT 'The message it came in, from 0' CODEC(ZSTD(1)),
    `pieces` UInt32 COMMENT 'How many messages make the table' CODEC(ZSTD(1)),
    `offset` UInt64 COMMENT 'Distance from the module\'s base' CODEC(Delta, ZSTD(1)),
    `name` String COMMENT 'Function' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PRIMARY KEY (build_id, pieces, piece, offset)
ORDER BY (build_id, pieces, piece, offset, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Symbol tables by build id; complete when all pieces are there';

CREATE TABLE IF NOT EXISTS {db}.hosts{local}{on_cluster}
(
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `boot_id` UUID COMMENT 'Its boot',
    `session` UInt64 COMMENT 'One life of the kernel-side maps',
    `run` UInt64 COMMENT 'One life of the agent process',
    `started_at` DateTime64(6, 'UTC') COMMENT 'When the run began',
    `kernel_release` LowCardinality(String) COMMENT 'uname -r',
    `machine` LowCardinality(String) COMMENT 'uname -m',
    `cpus` UInt32 COMMENT 'Possible CPUs',
    `agent_version` LowCardinality(String) COMMENT 'Version of the agent',
    `symbols` Bool COMMENT 'Symbol addresses could be read',
    `kinds` Array(String) COMMENT 'What it captures',
    `missing` Array(String) COMMENT 'Probes that did not attach, and why',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row'
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (host, boot_id, session, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The hosts and their agents, one row for each run';

CREATE TABLE IF NOT EXISTS {db}.checkpoints{local}{on_cluster}
(
    `at` DateTime64(6, 'UTC') COMMENT 'When it was taken' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `boot_id` UUID COMMENT 'Its boot' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `run` UInt64 COMMENT 'One life of the agent process' CODEC(ZSTD(1)),
    `phase` LowCardinality(String) COMMENT 'start, periodic, takeover or end',
    `streams` Array(UInt32) COMMENT 'The streams that were used' CODEC(ZSTD(1)),
    `next_seqs` Array(UInt64) COMMENT 'The next number of each' CODEC(ZSTD(1)),
    `totals` Map(LowCardinality(String), UInt64) COMMENT 'What was never numbered, cumulative in the session: totals only grow, what happened in a window is a difference' CODEC(ZSTD(1)),
    `clock_offset_ns` Int64 COMMENT 'Wall clock less CLOCK_BOOTTIME' CODEC(Delta, ZSTD(1)),
    `clock_error_us` UInt32 COMMENT 'The offset is right within this' CODEC(ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfHour(at), host, boot_id, session)
ORDER BY (toStartOfHour(at), host, boot_id, session, run, at)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every 10 s and at start, takeover and end: each stream\'s next number, and totals of what was never numbered';

CREATE TABLE IF NOT EXISTS {db}.loss{local}{on_cluster}
(
    `at` DateTime64(6, 'UTC') COMMENT 'When the loss was noticed' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `boot_id` UUID COMMENT 'Its boot' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `stream` UInt32 COMMENT 'cpu * 4 + nesting level' CODEC(ZSTD(1)),
    `seq_from` UInt64 COMMENT 'First number lost' CODEC(Delta, ZSTD(1)),
    `seq_to` UInt64 COMMENT 'Last number lost' CODEC(Delta, ZSTD(1)),
    `lost` UInt64 ALIAS seq_to - seq_from + 1 COMMENT 'How many',
    `cause` LowCardinality(String) COMMENT 'Where they were lost',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfHour(at), host, boot_id, session)
ORDER BY (toStartOfHour(at), host, boot_id, session, stream, seq_from, seq_to)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Numbered records that were lost, as ranges: counted, never hidden';

CREATE TABLE IF NOT EXISTS {db}.dead_letters{local}{on_cluster}
(
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1)),
    `topic` LowCardinality(String) COMMENT 'Kafka topic',
    `partition` Int32 COMMENT 'Kafka partition',
    `offset` Int64 COMMENT 'Kafka offset' CODEC(Delta, ZSTD(1)),
    `reason` String COMMENT 'Why it could not be read' CODEC(ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'Host, as far as the header could be read',
    `boot_id` String COMMENT 'Boot, as far as the header could be read' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'Session, as far as the header could be read' CODEC(ZSTD(1)),
    `streams` Array(UInt32) COMMENT 'Streams of the ranges of numbers that it kept from the tables' CODEC(ZSTD(1)),
    `seqs_from` Array(UInt64) COMMENT 'First number of each range' CODEC(ZSTD(1)),
    `seqs_to` Array(UInt64) COMMENT 'Last number of each range' CODEC(ZSTD(1)),
    `key` String COMMENT 'The message\'s key' CODEC(ZSTD(1)),
    `message` String COMMENT 'The message\'s bytes' CODEC(ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (topic, partition, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Messages that could not be read, in whole or in part, with their bytes and the reason';

CREATE DICTIONARY IF NOT EXISTS {db}.stack{on_cluster}
(
    stack_id UInt64,
    fp UInt64,
    frames_resolved UInt16,
    symbols Array(String),
    modules Array(String)
)
PRIMARY KEY stack_id
SOURCE(CLICKHOUSE(QUERY 'SELECT stack_id, fp, frames_resolved, symbols, modules FROM {db}.stacks FINAL' INVALIDATE_QUERY 'SELECT count(), max(received_at) FROM {db}.stacks'))
LAYOUT(HASHED())
LIFETIME(MIN 2 MAX 5)
COMMENT 'Stacks by stack_id, symbolized: dictGet(''{db}.stack'', ''symbols'', stack_id)';

CREATE VIEW IF NOT EXISTS {db}.losses{on_cluster} AS
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT host, cause, lost FROM {db}.loss FINAL WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, total AS cause, sum(greatest(toInt64(last[total]) - toInt64(base[total]), 0))::UInt64 AS records
FROM
(
    SELECT host, session,
        argMax(plain, at) AS last,
        multiIf(countIf(at < {from:DateTime64(6, 'UTC')}) > 0, argMaxIf(plain, at, at < {from:DateTime64(6, 'UTC')}),
            countIf(phase = 'start') > 0, map()::Map(String, UInt64), argMin(plain, at)) AS base
    FROM (SELECT *, totals::Map(String, UInt64) AS plain FROM {db}.checkpoints)
    WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND at < {to:DateTime64(6, 'UTC')}
    GROUP BY host, session
)
ARRAY JOIN mapKeys(last) AS total
WHERE NOT startsWith(total, 'lost_') AND total NOT IN ('stacks_taken', 'stacks_inline', 'began_before', 'repeated_records', 'settle_early')
GROUP BY host, total
HAVING records > 0;
