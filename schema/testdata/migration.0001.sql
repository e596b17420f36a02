CREATE DATABASE IF NOT EXISTS tcpledger;

CREATE TABLE IF NOT EXISTS tcpledger.migrations (`step` UInt32, `name` String, `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY step;

CREATE TABLE IF NOT EXISTS tcpledger.connections
(
    `closed_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the connection ended',
    `duration_us` Nullable(UInt64) CODEC(ZSTD(1)) COMMENT 'From its beginning to its end; NULL when it began before the agent',
    `connect_us` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'From its beginning to ESTABLISHED; NULL when it never got there or began before the agent',
    `opened_at` Nullable(DateTime64(6, 'UTC')) ALIAS closed_at - toIntervalMicrosecond(duration_us) COMMENT 'When the connection began; NULL when that was before the agent',
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID CODEC(ZSTD(1)) COMMENT '/proc/sys/kernel/random/boot_id of that host',
    `session` UInt64 CODEC(ZSTD(1)) COMMENT 'One life of the kernel-side maps',
    `stream` UInt32 CODEC(ZSTD(1)) COMMENT 'cpu * 4 + nesting level',
    `seq` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Number in the stream, from 0',
    `cpu` UInt32 ALIAS intDiv(stream, 4) COMMENT 'The CPU it was recorded on',
    `conn` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Number of the connection, unique in the session; 0 where none is known',
    `cookie` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'The kernel\'s socket cookie; a socket may live several connections',
    `netns` UInt32 CODEC(ZSTD(1)) COMMENT 'Inode number of the network namespace, as lsns -t net prints it; reused by the kernel',
    `netns_cookie` UInt64 CODEC(ZSTD(1)) COMMENT 'The kernel\'s cookie of that namespace, never reused in a boot',
    `flavour` LowCardinality(String) COMMENT 'tcp or mptcp_subflow',
    `local_ip` IPv6 CODEC(ZSTD(1)) COMMENT 'Local address, IPv4 mapped',
    `local_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Local port',
    `remote_ip` IPv6 CODEC(ZSTD(1)) COMMENT 'Remote address, IPv4 mapped',
    `remote_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Remote port',
    `service_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `error` LowCardinality(String) COMMENT 'The error the socket ended with, empty for none',
    `errno` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Its number',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `reset_reason` LowCardinality(String) COMMENT 'The kernel\'s reason for it, where it has one',
    `reset_reason_raw` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'Its number on that kernel',
    `last_state` LowCardinality(String) COMMENT 'The TCP state before CLOSE',
    `bytes_sent` UInt64 CODEC(T64, ZSTD(1)) COMMENT 'Payload sent, each byte once',
    `bytes_received` UInt64 CODEC(T64, ZSTD(1)) COMMENT 'Payload received, each byte once',
    `bytes_unsent` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Written and never sent',
    `bytes_unacked` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Sent and never acknowledged',
    `bytes_unread` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Received and never read',
    `segs_in` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Segments received',
    `segs_out` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Segments sent',
    `retransmits` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Segments retransmitted',
    `srtt_us` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'Smoothed round trip; NULL where never measured',
    `last_rx_age_ms` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'Since data last arrived; NULL where none did',
    `last_tx_age_ms` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'Since data was last sent; NULL where none was',
    `owner_pid` UInt32 CODEC(ZSTD(1)) COMMENT 'Process that last used the socket in its own task context; 0 where unknown',
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `owner_uid` UInt32 CODEC(ZSTD(1)) COMMENT 'Its user id; 4294967295 where unknown',
    `owner_how` LowCardinality(String) COMMENT 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only) or unknown',
    `owner_start` Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'When that process started: tells reused process ids apart',
    `owner_exe` LowCardinality(String) COMMENT 'Its executable, where /proc still had it',
    `cgroup_id` UInt64 CODEC(ZSTD(1)) COMMENT 'The owner task\'s cgroup',
    `cgroup_how` LowCardinality(String) COMMENT 'v2, memory (v1 and hybrid hosts) or unknown',
    `container_id` String CODEC(ZSTD(1)) COMMENT 'Container id from the cgroup path',
    `k8s_namespace` LowCardinality(String) COMMENT 'Kubernetes namespace',
    `k8s_pod` LowCardinality(String) COMMENT 'Kubernetes pod',
    `service` LowCardinality(String) COMMENT 'systemd unit or service name from the cgroup path',
    `ctx_pid` UInt32 CODEC(ZSTD(1)) COMMENT 'Whatever ran on the CPU; often not the owner',
    `ctx_comm` LowCardinality(String) COMMENT 'Its name',
    `ctx_kind` LowCardinality(String) COMMENT 'task, softirq, idle, kernel_thread, hardirq or unknown',
    `stack_id` UInt64 CODEC(ZSTD(1)) COMMENT 'Kernel stack of the moment that named the cause; 0 where none was taken',
    `user_stack_id` UInt64 CODEC(ZSTD(1)) COMMENT 'User stack of that moment; 0 where none was taken',
    `weight` UInt32 CODEC(ZSTD(1)) COMMENT '1 plus the records of this kind a budget skipped before this one',
    `clock_error_us` UInt32 CODEC(ZSTD(1)) COMMENT 'The row\'s time is right within this',
    `clock_off` Bool CODEC(ZSTD(1)) COMMENT 'The host\'s clock was more than an hour off when it sent the row',
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the ingester stored the row',
    INDEX remote_ip_bloom remote_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(closed_at)
PRIMARY KEY (toStartOfFiveMinutes(closed_at), host, cgroup_id)
ORDER BY (toStartOfFiveMinutes(closed_at), host, cgroup_id, conn, closed_at, session, stream, seq)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'One row for each TCP connection that ended: who ended it, why, in which code path, on whose behalf';

CREATE TABLE IF NOT EXISTS tcpledger.events
(
    `at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened',
    `kind` LowCardinality(String) COMMENT 'reset_sent, reset_received, drop, retransmit, retransmit_synack, error, state, skb_consumed or lingering',
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID CODEC(ZSTD(1)) COMMENT '/proc/sys/kernel/random/boot_id of that host',
    `session` UInt64 CODEC(ZSTD(1)) COMMENT 'One life of the kernel-side maps',
    `stream` UInt32 CODEC(ZSTD(1)) COMMENT 'cpu * 4 + nesting level',
    `seq` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Number in the stream, from 0',
    `cpu` UInt32 ALIAS intDiv(stream, 4) COMMENT 'The CPU it was recorded on',
    `conn` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Number of the connection, unique in the session; 0 where none is known',
    `cookie` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'The kernel\'s socket cookie; a socket may live several connections',
    `netns` UInt32 CODEC(ZSTD(1)) COMMENT 'Inode number of the network namespace, as lsns -t net prints it; reused by the kernel',
    `netns_cookie` UInt64 CODEC(ZSTD(1)) COMMENT 'The kernel\'s cookie of that namespace, never reused in a boot',
    `local_ip` IPv6 CODEC(ZSTD(1)) COMMENT 'Local address, IPv4 mapped',
    `local_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Local port',
    `remote_ip` IPv6 CODEC(ZSTD(1)) COMMENT 'Remote address, IPv4 mapped',
    `remote_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Remote port',
    `service_port` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `owner_pid` UInt32 CODEC(ZSTD(1)) COMMENT 'Process that last used the socket in its own task context; 0 where unknown',
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `owner_uid` UInt32 CODEC(ZSTD(1)) COMMENT 'Its user id; 4294967295 where unknown',
    `owner_how` LowCardinality(String) COMMENT 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only) or unknown',
    `owner_start` Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'When that process started: tells reused process ids apart',
    `owner_exe` LowCardinality(String) COMMENT 'Its executable, where /proc still had it',
    `cgroup_id` UInt64 CODEC(ZSTD(1)) COMMENT 'The owner task\'s cgroup',
    `cgroup_how` LowCardinality(String) COMMENT 'v2, memory (v1 and hybrid hosts) or unknown',
    `container_id` String CODEC(ZSTD(1)) COMMENT 'Container id from the cgroup path',
    `k8s_namespace` LowCardinality(String) COMMENT 'Kubernetes namespace',
    `k8s_pod` LowCardinality(String) COMMENT 'Kubernetes pod',
    `service` LowCardinality(String) COMMENT 'systemd unit or service name from the cgroup path',
    `ctx_pid` UInt32 CODEC(ZSTD(1)) COMMENT 'Whatever ran on the CPU; often not the owner',
    `ctx_comm` LowCardinality(String) COMMENT 'Its name',
    `ctx_kind` LowCardinality(String) COMMENT 'task, softirq, idle, kernel_thread, hardirq or unknown',
    `direction` LowCardinality(String) COMMENT 'The packet\'s: in, out or unknown',
    `state` LowCardinality(String) COMMENT 'The socket\'s TCP state',
    `old_state` LowCardinality(String) COMMENT 'Of a state event: before',
    `new_state` LowCardinality(String) COMMENT 'Of a state event: after',
    `reason` LowCardinality(String) COMMENT 'The kernel\'s reason for a reset or a drop',
    `reason_raw` Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'Its number on that kernel',
    `error` LowCardinality(String) COMMENT 'The error reported to the application, empty for none',
    `errno` UInt16 CODEC(T64, ZSTD(1)) COMMENT 'Its number',
    `tcp_flags` UInt8 CODEC(ZSTD(1)) COMMENT 'The TCP header\'s flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32',
    `length` UInt32 CODEC(T64, ZSTD(1)) COMMENT 'Payload of the packet in bytes',
    `stack_id` UInt64 CODEC(ZSTD(1)) COMMENT 'Kernel stack; 0 where none was taken',
    `weight` UInt32 CODEC(ZSTD(1)) COMMENT '1 plus the records of this kind a budget skipped before this one',
    `clock_error_us` UInt32 CODEC(ZSTD(1)) COMMENT 'The row\'s time is right within this',
    `clock_off` Bool CODEC(ZSTD(1)) COMMENT 'The host\'s clock was more than an hour off when it sent the row',
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the ingester stored the row',
    INDEX remote_ip_bloom remote_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfFiveMinutes(at), host, cgroup_id)
ORDER BY (toStartOfFiveMinutes(at), host, cgroup_id, conn, at, session, stream, seq)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'One row for each reset, drop, retransmission, error and the like';

CREATE TABLE IF NOT EXISTS tcpledger.stacks
(
    `stack_id` UInt64 COMMENT 'Hash of the (build id, offset) frames: the same on every host with that build',
    `fp` UInt64 COMMENT 'Fingerprint of the function names: the same across builds; 0 until every frame is resolved',
    `frames_resolved` UInt16 COMMENT 'Frames that have a symbol',
    `symbols` Array(String) CODEC(ZSTD(1)) COMMENT 'Function and offset in it, or the raw address in hex where there is no symbol',
    `offsets` Array(UInt64) CODEC(ZSTD(1)) COMMENT 'Offset in the module, or the raw address without symbols',
    `modules` Array(String) CODEC(ZSTD(1)) COMMENT 'Module of each frame',
    `build_ids` Array(String) CODEC(ZSTD(1)) COMMENT 'Build id of each frame\'s module, empty where unknown',
    `lines` Array(String) CODEC(ZSTD(1)) COMMENT 'Source line of each frame, where known',
    `kernel_release` LowCardinality(String) COMMENT 'A kernel it was seen on',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row'
)
ENGINE = ReplacingMergeTree(frames_resolved)
ORDER BY stack_id
COMMENT 'Each distinct stack once, outermost frame last; read it through the dictionary stack';

CREATE TABLE IF NOT EXISTS tcpledger.symbols
(
    `build_id` String CODEC(ZSTD(1)) COMMENT 'Build id of the module',
    `module` LowCardinality(String) COMMENT 'kernel, a kernel module\'s name, or bpf',
    `piece` UInt32 CODEC(ZSTD(1)) COMMENT 'The message it came in, from 0',
    `pieces` UInt32 CODEC(ZSTD(1)) COMMENT 'How many messages make the table',
    `offset` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Distance from the module\'s base',
    `name` String CODEC(ZSTD(1)) COMMENT 'Function'
)
ENGINE = ReplacingMergeTree
ORDER BY (build_id, offset, name)
COMMENT 'Symbol tables by build id; complete when all pieces are there';

CREATE TABLE IF NOT EXISTS tcpledger.hosts
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
ENGINE = ReplacingMergeTree
ORDER BY (host, boot_id, session, run)
COMMENT 'The hosts and their agents, one row for each run';

CREATE TABLE IF NOT EXISTS tcpledger.checkpoints
(
    `at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it was taken',
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `boot_id` UUID CODEC(ZSTD(1)) COMMENT 'Its boot',
    `session` UInt64 CODEC(ZSTD(1)) COMMENT 'One life of the kernel-side maps',
    `run` UInt64 CODEC(ZSTD(1)) COMMENT 'One life of the agent process',
    `phase` LowCardinality(String) COMMENT 'start, periodic, takeover or end',
    `streams` Array(UInt32) CODEC(ZSTD(1)) COMMENT 'The streams that were used',
    `next_seqs` Array(UInt64) CODEC(ZSTD(1)) COMMENT 'The next number of each',
    `totals` Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)) COMMENT 'What was never numbered, cumulative in the session: totals only grow, what happened in a window is a difference',
    `clock_offset_ns` Int64 CODEC(Delta, ZSTD(1)) COMMENT 'Wall clock less CLOCK_BOOTTIME',
    `clock_error_us` UInt32 CODEC(ZSTD(1)) COMMENT 'The offset is right within this',
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the ingester stored the row'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfHour(at), host, boot_id, session)
ORDER BY (toStartOfHour(at), host, boot_id, session, run, at)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Every 10 s and at start, takeover and end: each stream\'s next number, and totals of what was never numbered';

CREATE TABLE IF NOT EXISTS tcpledger.loss
(
    `at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the loss was noticed',
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `boot_id` UUID CODEC(ZSTD(1)) COMMENT 'Its boot',
    `session` UInt64 CODEC(ZSTD(1)) COMMENT 'One life of the kernel-side maps',
    `stream` UInt32 CODEC(ZSTD(1)) COMMENT 'cpu * 4 + nesting level',
    `seq_from` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'First number lost',
    `seq_to` UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'Last number lost',
    `lost` UInt64 ALIAS seq_to - seq_from + 1 COMMENT 'How many',
    `cause` LowCardinality(String) COMMENT 'Where they were lost',
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the ingester stored the row'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(at)
PRIMARY KEY (toStartOfHour(at), host, boot_id, session)
ORDER BY (toStartOfHour(at), host, boot_id, session, stream, seq_from, seq_to)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Numbered records that were lost, as ranges: counted, never hidden';

CREATE TABLE IF NOT EXISTS tcpledger.dead_letters
(
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the ingester stored the row',
    `topic` LowCardinality(String) COMMENT 'Kafka topic',
    `partition` Int32 COMMENT 'Kafka partition',
    `offset` Int64 CODEC(Delta, ZSTD(1)) COMMENT 'Kafka offset',
    `reason` String CODEC(ZSTD(1)) COMMENT 'Why it could not be read',
    `host` LowCardinality(String) COMMENT 'Host, as far as the header could be read',
    `boot_id` String CODEC(ZSTD(1)) COMMENT 'Boot, as far as the header could be read',
    `session` UInt64 CODEC(ZSTD(1)) COMMENT 'Session, as far as the header could be read',
    `streams` Array(UInt32) CODEC(ZSTD(1)) COMMENT 'Streams of the ranges of numbers that it kept from the tables',
    `seqs_from` Array(UInt64) CODEC(ZSTD(1)) COMMENT 'First number of each range',
    `seqs_to` Array(UInt64) CODEC(ZSTD(1)) COMMENT 'Last number of each range',
    `key` String CODEC(ZSTD(1)) COMMENT 'The message\'s key',
    `message` String CODEC(ZSTD(1)) COMMENT 'The message\'s bytes'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset)
TTL toDateTime(received_at) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Messages that could not be read, in whole or in part, with their bytes and the reason';

CREATE DICTIONARY IF NOT EXISTS tcpledger.stack
(
    stack_id UInt64,
    fp UInt64,
    frames_resolved UInt16,
    symbols Array(String),
    modules Array(String)
)
PRIMARY KEY stack_id
SOURCE(CLICKHOUSE(QUERY 'SELECT stack_id, argMax(fp, frames_resolved), max(frames_resolved) AS resolved, argMax(symbols, frames_resolved), argMax(modules, frames_resolved) FROM tcpledger.stacks GROUP BY stack_id'))
LAYOUT(HASHED())
LIFETIME(MIN 5 MAX 15)
COMMENT 'Stacks by stack_id, symbolized: dictGet(''tcpledger.stack'', ''symbols'', stack_id)';

CREATE VIEW IF NOT EXISTS tcpledger.losses AS
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT * FROM tcpledger.loss FINAL WHERE at >= {from:DateTime64(6)} AND at < {to:DateTime64(6)})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, cause, sum(grown) AS records
FROM
(
    SELECT host, session, total.1 AS cause,
        maxIf(total.2, at < {to:DateTime64(6)}) - maxIf(total.2, at < {from:DateTime64(6)}) AS grown
    FROM tcpledger.checkpoints ARRAY JOIN CAST(totals, 'Array(Tuple(String, UInt64))') AS total
    WHERE at >= {from:DateTime64(6)} - INTERVAL 10 MINUTE AND at < {to:DateTime64(6)}
    GROUP BY host, session, cause
)
WHERE grown > 0
GROUP BY host, cause;
