-- SPDX-License-Identifier: Apache-2.0

-- The tables of sums that views of ClickHouse's own compute, and the notes that say what to compute.

CREATE TABLE IF NOT EXISTS {db}.touched{local}{on_cluster}
(
    `source` LowCardinality(String) COMMENT 'connections, events, or losses for loss and checkpoints',
    `bucket` DateTime('UTC') COMMENT 'The five minutes of the rows\' own times' CODEC(Delta, ZSTD(1)),
    `at` DateTime64(3, 'UTC') COMMENT 'When the rows were inserted' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(at)
ORDER BY (source, bucket)
TTL toDateTime(at) + INTERVAL 7 DAY DELETE
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which five minutes got rows: a note for the views that compute the rollups';

CREATE TABLE IF NOT EXISTS {db}.closes_1m{local}{on_cluster}
(
    `bucket` DateTime('UTC') COMMENT 'The five minutes: they are made anew together' CODEC(Delta, ZSTD(1)),
    `minute` DateTime('UTC') COMMENT 'The minute in which the connections ended' CODEC(Delta, ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `service` LowCardinality(String) COMMENT 'systemd unit from the cgroup path',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)),
    `connects` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their connect time in microseconds; 255 counts those without one' CODEC(ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY bucket
ORDER BY (bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections ended by minute, cause, service and owner, without the host: kept when the rows age out';

CREATE TABLE IF NOT EXISTS {db}.causes_1m{local}{on_cluster}
(
    `bucket` DateTime('UTC') COMMENT 'The five minutes: they are made anew together' CODEC(Delta, ZSTD(1)),
    `minute` DateTime('UTC') COMMENT 'The minute in which the connections ended' CODEC(Delta, ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY (cause, bucket)
ORDER BY (cause, bucket, minute, initiator, reset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections ended by minute and cause: small, for months by minute';

CREATE TABLE IF NOT EXISTS {db}.closes_1h{local}{on_cluster}
(
    `hour` DateTime('UTC') COMMENT 'The hour in which the connections ended' CODEC(Delta, ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `service` LowCardinality(String) COMMENT 'systemd unit from the cgroup path',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)),
    `connects` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their connect time in microseconds; 255 counts those without one' CODEC(ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYear(hour)
PRIMARY KEY hour
ORDER BY (hour, cause, role, service_port, initiator, reset, owner_comm, service)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections ended by hour, cause, service and owner, without the host';

CREATE TABLE IF NOT EXISTS {db}.host_closes_1h{local}{on_cluster}
(
    `hour` DateTime('UTC') COMMENT 'The hour in which the connections ended' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `owner_comm` LowCardinality(String) COMMENT 'Its name',
    `service` LowCardinality(String) COMMENT 'systemd unit from the cgroup path',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)),
    `connects` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their connect time in microseconds; 255 counts those without one' CODEC(ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(hour)
PRIMARY KEY (hour, host)
ORDER BY (hour, host, cause, role, service_port, initiator, reset, owner_comm, service)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections ended by hour and host';

CREATE TABLE IF NOT EXISTS {db}.paths_1h{local}{on_cluster}
(
    `hour` DateTime('UTC') COMMENT 'The hour in which the connections ended' CODEC(Delta, ZSTD(1)),
    `stack_id` UInt64 COMMENT 'Kernel stack of the moment that named the cause; 0 where none was taken' CODEC(ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYear(hour)
PRIMARY KEY hour
ORDER BY (hour, stack_id, cause, role, initiator, reset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections ended by hour and code path; join stacks by stack_id';

CREATE TABLE IF NOT EXISTS {db}.peers_1h{local}{on_cluster}
(
    `remote_ip` IPv6 COMMENT 'Remote address, IPv4 mapped' CODEC(ZSTD(1)),
    `hour` DateTime('UTC') COMMENT 'The hour in which the connections ended' CODEC(Delta, ZSTD(1)),
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `cause` LowCardinality(String) COMMENT 'Why it ended',
    `initiator` LowCardinality(String) COMMENT 'Who moved first: local, peer, kernel or unknown',
    `reset` LowCardinality(String) COMMENT 'The reset of the ending: none, sent or received',
    `endings` UInt64 COMMENT 'How many connections ended' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The endings, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `clocks_off` UInt64 COMMENT 'Endings of hosts whose clock was more than an hour off' CODEC(T64, ZSTD(1)),
    `bytes_sent` UInt64 COMMENT 'Payload sent, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_received` UInt64 COMMENT 'Payload received, each byte once' CODEC(T64, ZSTD(1)),
    `bytes_unsent` UInt64 COMMENT 'Written and never sent' CODEC(T64, ZSTD(1)),
    `bytes_unread` UInt64 COMMENT 'Received and not read by the application' CODEC(T64, ZSTD(1)),
    `retransmits` UInt64 COMMENT 'Segments retransmitted' CODEC(T64, ZSTD(1)),
    `hosts` Array(LowCardinality(String)) COMMENT 'Hosts that had such connections; at most 32 are named' CODEC(ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toMonday(hour)
PRIMARY KEY (remote_ip, hour)
ORDER BY (remote_ip, hour, role, service_port, cause, initiator, reset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How connections with a remote address ended by hour: found by the address';

CREATE TABLE IF NOT EXISTS {db}.events_1m{local}{on_cluster}
(
    `bucket` DateTime('UTC') COMMENT 'The five minutes: they are made anew together' CODEC(Delta, ZSTD(1)),
    `minute` DateTime('UTC') COMMENT 'The minute in which it happened' CODEC(Delta, ZSTD(1)),
    `kind` LowCardinality(String) COMMENT 'reset_sent, reset_received, drop, retransmit, retransmit_synack, error, state, skb_consumed or lingering',
    `reason` LowCardinality(String) COMMENT 'The kernel\'s reason for a reset or a drop',
    `error` LowCardinality(String) COMMENT 'The error reported to the application, empty for none',
    `direction` LowCardinality(String) COMMENT 'The packet\'s: in, out or unknown',
    `role` LowCardinality(String) COMMENT 'client, server or unknown',
    `service_port` UInt16 COMMENT 'The port that names the service: the remote one for a client, the local one for a server, the lower of both where the role is unknown' CODEC(T64, ZSTD(1)),
    `events` UInt64 COMMENT 'How many were recorded' CODEC(T64, ZSTD(1)),
    `weight` UInt64 COMMENT 'The events, and those a budget skipped before them' CODEC(T64, ZSTD(1)),
    `length` UInt64 COMMENT 'Payload of the packets in bytes' CODEC(T64, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY bucket
ORDER BY (bucket, minute, kind, reason, error, direction, role, service_port)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Resets, drops, retransmissions and errors by minute and reason';

CREATE TABLE IF NOT EXISTS {db}.losses_5m{local}{on_cluster}
(
    `bucket` DateTime('UTC') COMMENT 'The five minutes: they are made anew together' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'Name of the host',
    `kind` LowCardinality(String) COMMENT 'numbered or unnumbered, as in the view losses; hosts: records counts the hosts that sent a checkpoint',
    `cause` LowCardinality(String) COMMENT 'Where the records were lost',
    `records` UInt64 COMMENT 'How many records were lost' CODEC(T64, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY bucket
ORDER BY (bucket, host, kind, cause)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What was lost by five minutes, host and cause: says how complete the rollups are when the rows are gone';

-- The views that note which five minutes got rows come before the notes of what is stored already, so that no row is missed.
-- The program makes them anew with their comments.
CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.touched_by_connections{on_cluster} TO {db}.touched{local} AS SELECT 'connections' AS source, toStartOfFiveMinutes(inserted.closed_at) AS bucket, now64(3, 'UTC') AS at FROM {db}.connections{local} AS inserted GROUP BY bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.touched_by_events{on_cluster} TO {db}.touched{local} AS SELECT 'events' AS source, toStartOfFiveMinutes(inserted.at) AS bucket, now64(3, 'UTC') AS at FROM {db}.events{local} AS inserted GROUP BY bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.touched_by_loss{on_cluster} TO {db}.touched{local} AS SELECT 'losses' AS source, toStartOfFiveMinutes(inserted.at) AS bucket, now64(3, 'UTC') AS at FROM {db}.loss{local} AS inserted GROUP BY bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.touched_by_checkpoints{on_cluster} TO {db}.touched{local} AS SELECT 'losses' AS source, toStartOfFiveMinutes(inserted.at) + 300 * arrayJoin([0, 1]) AS bucket, now64(3, 'UTC') AS at FROM {db}.checkpoints{local} AS inserted GROUP BY bucket;

-- What is stored already is computed too.
INSERT INTO {db}.touched{local} SELECT 'connections', toStartOfFiveMinutes(inserted.closed_at) AS bucket, now64(3) FROM {db}.connections{local} AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO {db}.touched{local} SELECT 'events', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.events{local} AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO {db}.touched{local} SELECT 'losses', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.checkpoints{local} AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO {db}.touched{local} SELECT 'losses', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.loss{local} AS inserted GROUP BY bucket SETTINGS final = 0;
