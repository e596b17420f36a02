CREATE TABLE IF NOT EXISTS tcpledger.signals_1m
(
    `minute` DateTime('UTC') COMMENT 'The minute in which the connections ended' CODEC(Delta, ZSTD(1)),
    `what` LowCardinality(String) COMMENT 'A cause, failed_connects, early_closes, late_closes, endings (all of them), or a kind of event; load is ordinary closes, watched is hosts',
    `n` UInt64 COMMENT 'How many, with those that a budget skipped' CODEC(T64, ZSTD(1)),
    `judged` UInt64 COMMENT 'How many without hosts that were not watched an hour before' CODEC(T64, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY toYYYYMM(minute)
PRIMARY KEY minute
ORDER BY (minute, what)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How many of each kind there were in each minute, as the finding of storms counts them';

CREATE TABLE IF NOT EXISTS tcpledger.storms
(
    `what` LowCardinality(String) COMMENT 'A cause, failed_connects, early_closes, late_closes, endings (all of them), or a kind of event',
    `began` DateTime('UTC') COMMENT 'The first minute of the storm' CODEC(Delta, ZSTD(1)),
    `ended` DateTime('UTC') COMMENT 'The end of the last minute that departed; the storm may go on' CODEC(Delta, ZSTD(1)),
    `records` UInt64 COMMENT 'How many there were, with those that a budget skipped' CODEC(T64, ZSTD(1)),
    `expected` Float64 COMMENT 'How many were to be expected' CODEC(ZSTD(1)),
    `peak` UInt64 COMMENT 'How many in its highest minute' CODEC(T64, ZSTD(1)),
    `minutes` Map(DateTime('UTC'), UInt64) COMMENT 'How many in each minute' CODEC(ZSTD(1)),
    `expected_minute` Float64 COMMENT 'How many a minute were to be expected when it began' CODEC(ZSTD(1)),
    `limit_minute` Float64 COMMENT 'The number a minute beyond which it departed when it began' CODEC(ZSTD(1)),
    `load_minute` Float64 COMMENT 'Ordinary closes a minute in the past that it was compared with; 0 if the load does not matter' CODEC(ZSTD(1)),
    `against` LowCardinality(String) COMMENT 'The past that allowed most: hour (before it), days or weeks (around that hour)',
    `found_at` DateTime('UTC') COMMENT 'When it was found' CODEC(Delta, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY toYear(began)
ORDER BY (began, what)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What departed from all its pasts, from the first minute to the last: one row for each storm';

CREATE TABLE IF NOT EXISTS tcpledger.storm_factors
(
    `began` DateTime('UTC') COMMENT 'The first minute of the storm' CODEC(Delta, ZSTD(1)),
    `what` LowCardinality(String) COMMENT 'A cause, failed_connects, early_closes, late_closes, endings (all of them), or a kind of event',
    `factors` Array(Tuple(dimension String, value String, records UInt64, share Float64, share_before Float64, explains Float64)) COMMENT 'What explains most first: records, their share, the share in the five minutes before, and the share of the excess that they explain' CODEC(ZSTD(1)),
    `as_of` DateTime('UTC') COMMENT 'When it was looked at' CODEC(Delta, ZSTD(1)),
    `made_at` DateTime64(3, 'UTC') COMMENT 'When the row was computed: of the rows of one key the newest counts' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY toYear(began)
ORDER BY (began, what)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What each storm is made of in its first ten minutes: kept when the rows age out';
