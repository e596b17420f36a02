-- SPDX-License-Identifier: Apache-2.0

-- A ReplacingMergeTree without a version keeps the last of the rows of one identity, so a message that comes later could
-- rewrite what a host had said. With first as the version it keeps the row that was received first.
--
-- The version of a table cannot be changed. A table with the version takes the name, and the parts move to it: they are
-- linked, not copied. first is computed for rows of before. An insert that began before the names changed writes into the old
-- table: DETACH SYNC waits for it, and what it wrote moves too.

-- Asked first: a user who may not ask this changes nothing.
-- for each: SELECT 1 FROM system.detached_tables WHERE database = '{db}' AND table = 'connections_step_3{local}'
ATTACH TABLE {db}.connections_step_3{local}{on_cluster};

ALTER TABLE {db}.connections{local}{on_cluster} ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'connections{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS {db}.connections_step_3{local}{on_cluster} SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', '{replicated}ReplacingMergeTree(first)') FROM system.tables WHERE database = '{db}' AND name = 'connections{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE {db}.connections_step_3{local}{on_cluster} AS {db}.connections{local} ENGINE = {each} COMMENT 'One row for each TCP connection that ended: who ended it, why, in which code path, on whose behalf';

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'connections{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES {db}.connections{local} AND {db}.connections_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.connections_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.connections_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.connections{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'connections_step_3{local}'
DETACH TABLE {db}.connections_step_3{local}{on_cluster} SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = '{db}' AND table = 'connections_step_3{local}'
ATTACH TABLE {db}.connections_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.connections_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.connections_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.connections{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'connections_step_3{local}' AND total_rows = 0
DROP TABLE {db}.connections_step_3{local}{on_cluster} SYNC;

ALTER TABLE {db}.events{local}{on_cluster} ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'events{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS {db}.events_step_3{local}{on_cluster} SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', '{replicated}ReplacingMergeTree(first)') FROM system.tables WHERE database = '{db}' AND name = 'events{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE {db}.events_step_3{local}{on_cluster} AS {db}.events{local} ENGINE = {each} COMMENT 'One row for each reset, drop, retransmission, error and the like';

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'events{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES {db}.events{local} AND {db}.events_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.events_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.events_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.events{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'events_step_3{local}'
DETACH TABLE {db}.events_step_3{local}{on_cluster} SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = '{db}' AND table = 'events_step_3{local}'
ATTACH TABLE {db}.events_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.events_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.events_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.events{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'events_step_3{local}' AND total_rows = 0
DROP TABLE {db}.events_step_3{local}{on_cluster} SYNC;

ALTER TABLE {db}.checkpoints{local}{on_cluster} ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'checkpoints{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS {db}.checkpoints_step_3{local}{on_cluster} SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', '{replicated}ReplacingMergeTree(first)') FROM system.tables WHERE database = '{db}' AND name = 'checkpoints{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE {db}.checkpoints_step_3{local}{on_cluster} AS {db}.checkpoints{local} ENGINE = {each} COMMENT 'Every 10 s and at start, takeover and end: each stream\'s next number, and totals of what was never numbered';

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'checkpoints{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES {db}.checkpoints{local} AND {db}.checkpoints_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.checkpoints_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.checkpoints_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.checkpoints{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'checkpoints_step_3{local}'
DETACH TABLE {db}.checkpoints_step_3{local}{on_cluster} SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = '{db}' AND table = 'checkpoints_step_3{local}'
ATTACH TABLE {db}.checkpoints_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.checkpoints_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.checkpoints_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.checkpoints{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'checkpoints_step_3{local}' AND total_rows = 0
DROP TABLE {db}.checkpoints_step_3{local}{on_cluster} SYNC;

ALTER TABLE {db}.loss{local}{on_cluster} ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'loss{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS {db}.loss_step_3{local}{on_cluster} SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', '{replicated}ReplacingMergeTree(first)') FROM system.tables WHERE database = '{db}' AND name = 'loss{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE {db}.loss_step_3{local}{on_cluster} AS {db}.loss{local} ENGINE = {each} COMMENT 'Numbered records that were lost, as ranges: counted, never hidden';

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'loss{local}' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES {db}.loss{local} AND {db}.loss_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.loss_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.loss_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.loss{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'loss_step_3{local}'
DETACH TABLE {db}.loss_step_3{local}{on_cluster} SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = '{db}' AND table = 'loss_step_3{local}'
ATTACH TABLE {db}.loss_step_3{local}{on_cluster};

-- for each: SELECT DISTINCT _partition_id FROM {db}.loss_step_3{local} SETTINGS final = 0
ALTER TABLE {db}.loss_step_3{local}{on_cluster} MOVE PARTITION ID {quoted each} TO TABLE {db}.loss{local};

-- for each: SELECT 1 FROM system.tables WHERE database = '{db}' AND name = 'loss_step_3{local}' AND total_rows = 0
DROP TABLE {db}.loss_step_3{local}{on_cluster} SYNC;

-- A topic that was made anew counts its offsets from 0 again: the hash keeps its dead letters beside the older ones. A new
-- column of the key has no default in the statement that adds it; the next one gives it.
ALTER TABLE {db}.dead_letters{local}{on_cluster} ADD COLUMN IF NOT EXISTS `hash` UInt64 COMMENT 'Of the key and the bytes: tells messages of one offset apart' CODEC(ZSTD(1)), MODIFY ORDER BY (topic, partition, offset, hash);

ALTER TABLE {db}.dead_letters{local}{on_cluster} MODIFY COLUMN `hash` UInt64 MATERIALIZED sipHash64(key, message) COMMENT 'Of the key and the bytes: tells messages of one offset apart' CODEC(ZSTD(1));
