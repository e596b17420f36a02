-- SPDX-License-Identifier: Apache-2.0

-- An audit reads what the checkpoints of whole hours promise in place of each of them.

CREATE TABLE IF NOT EXISTS {db}.promises_1h{local}{on_cluster}
(
    `hour` DateTime('UTC') COMMENT 'The hour of the checkpoints' CODEC(Delta, ZSTD(1)),
    `host` LowCardinality(String) COMMENT 'The host that recorded it',
    `boot_id` UUID COMMENT '/proc/sys/kernel/random/boot_id of that host' CODEC(ZSTD(1)),
    `session` UInt64 COMMENT 'One life of the kernel-side maps' CODEC(ZSTD(1)),
    `streams` Array(UInt32) COMMENT 'The streams that these checkpoints name' CODEC(ZSTD(1)),
    `checkpoints` UInt64 COMMENT 'How many checkpoints there are' CODEC(T64, ZSTD(1)),
    `checksum` UInt64 COMMENT 'Sum of a hash of each checkpoint\'s boot, session, run and time' CODEC(T64, ZSTD(1)),
    `least` Array(UInt64) COMMENT 'The least next number of each stream' CODEC(Delta, ZSTD(1)),
    `most` Array(UInt64) COMMENT 'The largest next number of each stream' CODEC(Delta, ZSTD(1)),
    `last` Array(UInt64) COMMENT 'The next numbers in the last checkpoint' CODEC(Delta, ZSTD(1)),
    `last_at` DateTime64(6, 'UTC') COMMENT 'When the last checkpoint was taken' CODEC(Delta, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1)),
    PROJECTION made (SELECT hour, max(made_at) GROUP BY hour)
)
ENGINE = {replicated}ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(hour)
PRIMARY KEY hour
ORDER BY (hour, host, boot_id, session, streams)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'Which numbers the checkpoints of an hour promise, by session: what an audit counts against';

INSERT INTO {db}.touched{local} SELECT 'promises_1h', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM {db}.checkpoints{local} AS inserted GROUP BY bucket SETTINGS final = 0;
