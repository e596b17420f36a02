-- SPDX-License-Identifier: Apache-2.0

-- Questions by remote address and about events are answered from sums, an audit from the numbers that the rows of an hour have, and a
-- projection says when each unit of a rollup was computed.

ALTER TABLE {db}.events_1m{local}{on_cluster} ADD COLUMN IF NOT EXISTS `hosts` Array(LowCardinality(String)) COMMENT 'Hosts that recorded such events' CODEC(ZSTD(1)) AFTER `length`;

ALTER TABLE {db}.peers_1h{local}{on_cluster} ADD COLUMN IF NOT EXISTS `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)) AFTER `hosts`;

CREATE TABLE IF NOT EXISTS {db}.numbers_1h{local}{on_cluster}
(
    `hour` DateTime('UTC') COMMENT 'The hour of the rows' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID COMMENT '/proc/sys/kernel/random/boot_id of that host' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `stream` UInt32 COMMENT 'cpu * 4 + nesting level' CODEC(ZSTD(1)),
    `numbers` UInt64 COMMENT 'How many numbers the rows of both tables have' CODEC(T64, ZSTD(1)),
    `connections` UInt64 COMMENT 'How many numbers the rows of connections have' CODEC(T64, ZSTD(1)),
    `events` UInt64 COMMENT 'How many numbers the rows of events have' CODEC(T64, ZSTD(1)),
    `shown` UInt64 COMMENT 'Rows of both tables, each record once' CODEC(T64, ZSTD(1)),
    `checksum` UInt64 COMMENT 'Sum of a hash of each row\'s boot, session, stream and number' CODEC(T64, ZSTD(1)),
    `lows` Array(UInt64) COMMENT 'The first number of each range' CODEC(Delta, ZSTD(1)),
    `highs` Array(UInt64) COMMENT 'The last number of each range' CODEC(Delta, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(hour)
PRIMARY KEY hour
ORDER BY (hour, host, boot_id, session, stream)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which numbers the rows of an hour have, by stream: what an audit counts';

ALTER TABLE {db}.closes_1m{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.closes_1m{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE {db}.causes_1m{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.causes_1m{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE {db}.closes_1h{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.closes_1h{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE {db}.host_closes_1h{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.host_closes_1h{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE {db}.paths_1h{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.paths_1h{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE {db}.peers_1h{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.peers_1h{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE {db}.events_1m{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.events_1m{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE {db}.losses_5m{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.losses_5m{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE {db}.numbers_1h{local}{on_cluster} MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE {db}.numbers_1h{local}{on_cluster} ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE {db}.closes_1m{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.causes_1m{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.closes_1h{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.host_closes_1h{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.paths_1h{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.peers_1h{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.events_1m{local}{on_cluster} MATERIALIZE PROJECTION made;

ALTER TABLE {db}.losses_5m{local}{on_cluster} MATERIALIZE PROJECTION made;

-- The new columns are computed from all rows that there are.
INSERT INTO {db}.touched{local} SELECT 'events_1m', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.events{local} AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO {db}.touched{local} SELECT arrayJoin(['peers_1h', 'numbers_1h']), toStartOfFiveMinutes(inserted.closed_at) AS bucket, now64(3) FROM {db}.connections{local} AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO {db}.touched{local} SELECT 'numbers_1h', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.events{local} AS inserted GROUP BY bucket SETTINGS final = 0;
