ALTER TABLE tcpledger.events_1m ADD COLUMN IF NOT EXISTS `hosts` Array(LowCardinality(String)) COMMENT 'Hosts that recorded such events' CODEC(ZSTD(1)) AFTER `length`;

ALTER TABLE tcpledger.peers_1h ADD COLUMN IF NOT EXISTS `durations` Map(UInt8, UInt64) COMMENT 'Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent' CODEC(ZSTD(1)) AFTER `hosts`;

CREATE TABLE IF NOT EXISTS tcpledger.numbers_1h
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
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(hour)
PRIMARY KEY hour
ORDER BY (hour, host, boot_id, session, stream)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which numbers the rows of an hour have, by stream: what an audit counts';

ALTER TABLE tcpledger.closes_1m MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.closes_1m ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE tcpledger.causes_1m MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.causes_1m ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE tcpledger.closes_1h MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.closes_1h ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE tcpledger.host_closes_1h MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.host_closes_1h ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE tcpledger.paths_1h MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.paths_1h ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE tcpledger.peers_1h MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.peers_1h ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE tcpledger.events_1m MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.events_1m ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE tcpledger.losses_5m MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.losses_5m ADD PROJECTION IF NOT EXISTS made (SELECT bucket, max(made_at) GROUP BY bucket);

ALTER TABLE tcpledger.numbers_1h MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE tcpledger.numbers_1h ADD PROJECTION IF NOT EXISTS made (SELECT hour, max(made_at) GROUP BY hour);

ALTER TABLE tcpledger.closes_1m MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.causes_1m MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.closes_1h MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.host_closes_1h MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.paths_1h MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.peers_1h MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.events_1m MATERIALIZE PROJECTION made;

ALTER TABLE tcpledger.losses_5m MATERIALIZE PROJECTION made;

INSERT INTO tcpledger.touched SELECT 'events_1m', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM tcpledger.events AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO tcpledger.touched SELECT arrayJoin(['peers_1h', 'numbers_1h']), toStartOfFiveMinutes(inserted.closed_at) AS bucket, now64(3) FROM tcpledger.connections AS inserted GROUP BY bucket SETTINGS final = 0;

INSERT INTO tcpledger.touched SELECT 'numbers_1h', toStartOfFiveMinutes(inserted.at) AS bucket, now64(3) FROM tcpledger.events AS inserted GROUP BY bucket SETTINGS final = 0;
