-- for each: SELECT 1 FROM system.detached_tables WHERE database = 'tcpledger' AND table = 'connections_step_3'
ATTACH TABLE tcpledger.connections_step_3;

ALTER TABLE tcpledger.connections ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'connections' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS tcpledger.connections_step_3 SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', 'ReplacingMergeTree(first)') FROM system.tables WHERE database = 'tcpledger' AND name = 'connections' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE tcpledger.connections_step_3 AS tcpledger.connections ENGINE = {each} COMMENT 'One row for each TCP connection that ended: who ended it, why, in which code path, on whose behalf';

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'connections' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES tcpledger.connections AND tcpledger.connections_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.connections_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.connections_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.connections;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'connections_step_3'
DETACH TABLE tcpledger.connections_step_3 SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = 'tcpledger' AND table = 'connections_step_3'
ATTACH TABLE tcpledger.connections_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.connections_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.connections_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.connections;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'connections_step_3' AND total_rows = 0
DROP TABLE tcpledger.connections_step_3 SYNC;

ALTER TABLE tcpledger.events ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'events' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS tcpledger.events_step_3 SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', 'ReplacingMergeTree(first)') FROM system.tables WHERE database = 'tcpledger' AND name = 'events' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE tcpledger.events_step_3 AS tcpledger.events ENGINE = {each} COMMENT 'One row for each reset, drop, retransmission, error and the like';

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'events' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES tcpledger.events AND tcpledger.events_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.events_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.events_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.events;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'events_step_3'
DETACH TABLE tcpledger.events_step_3 SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = 'tcpledger' AND table = 'events_step_3'
ATTACH TABLE tcpledger.events_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.events_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.events_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.events;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'events_step_3' AND total_rows = 0
DROP TABLE tcpledger.events_step_3 SYNC;

ALTER TABLE tcpledger.checkpoints ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'checkpoints' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS tcpledger.checkpoints_step_3 SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', 'ReplacingMergeTree(first)') FROM system.tables WHERE database = 'tcpledger' AND name = 'checkpoints' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE tcpledger.checkpoints_step_3 AS tcpledger.checkpoints ENGINE = {each} COMMENT 'Every 10 s and at start, takeover and end: each stream\'s next number, and totals of what was never numbered';

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'checkpoints' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES tcpledger.checkpoints AND tcpledger.checkpoints_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.checkpoints_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.checkpoints_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.checkpoints;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'checkpoints_step_3'
DETACH TABLE tcpledger.checkpoints_step_3 SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = 'tcpledger' AND table = 'checkpoints_step_3'
ATTACH TABLE tcpledger.checkpoints_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.checkpoints_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.checkpoints_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.checkpoints;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'checkpoints_step_3' AND total_rows = 0
DROP TABLE tcpledger.checkpoints_step_3 SYNC;

ALTER TABLE tcpledger.loss ADD COLUMN IF NOT EXISTS `first` UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Micro(received_at))) COMMENT 'Larger for a row that was received earlier: of the rows of one identity the largest stays' CODEC(Delta, ZSTD(1));

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'loss' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
DROP TABLE IF EXISTS tcpledger.loss_step_3 SYNC;

-- for each: SELECT replaceRegexpOne(engine_full, '^\\w+(\\([^)]*\\))?', 'ReplacingMergeTree(first)') FROM system.tables WHERE database = 'tcpledger' AND name = 'loss' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
CREATE TABLE tcpledger.loss_step_3 AS tcpledger.loss ENGINE = {each} COMMENT 'Numbered records that were lost, as ranges: counted, never hidden';

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'loss' AND NOT match(engine_full, '^\\w+\\([^)]*first\\)')
EXCHANGE TABLES tcpledger.loss AND tcpledger.loss_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.loss_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.loss_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.loss;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'loss_step_3'
DETACH TABLE tcpledger.loss_step_3 SYNC;

-- for each: SELECT 1 FROM system.detached_tables WHERE database = 'tcpledger' AND table = 'loss_step_3'
ATTACH TABLE tcpledger.loss_step_3;

-- for each: SELECT DISTINCT _partition_id FROM tcpledger.loss_step_3 SETTINGS final = 0
ALTER TABLE tcpledger.loss_step_3 MOVE PARTITION ID {quoted each} TO TABLE tcpledger.loss;

-- for each: SELECT 1 FROM system.tables WHERE database = 'tcpledger' AND name = 'loss_step_3' AND total_rows = 0
DROP TABLE tcpledger.loss_step_3 SYNC;

ALTER TABLE tcpledger.dead_letters ADD COLUMN IF NOT EXISTS `hash` UInt64 COMMENT 'Of the key and the bytes: tells messages of one offset apart' CODEC(ZSTD(1)), MODIFY ORDER BY (topic, partition, offset, hash);

ALTER TABLE tcpledger.dead_letters MODIFY COLUMN `hash` UInt64 MATERIALIZED sipHash64(key, message) COMMENT 'Of the key and the bytes: tells messages of one offset apart' CODEC(ZSTD(1));
