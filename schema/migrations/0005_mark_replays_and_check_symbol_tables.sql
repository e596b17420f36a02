-- SPDX-License-Identifier: Apache-2.0

-- `tcpledger decode --replay --apply` marks what it sent, so that the next run does not send it again.
ALTER TABLE {db}.dead_letters{local}{on_cluster} ADD COLUMN IF NOT EXISTS `replayed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When decode --replay sent it to its topic again; NULL if it did not' CODEC(ZSTD(1));

-- A symbol table carries the hash of the whole: names that somebody adds to another's table make a table of their own, and the
-- first complete one that fits its hash stays.
ALTER TABLE {db}.symbols{local}{on_cluster} ADD COLUMN IF NOT EXISTS `hash` UInt64 COMMENT 'Hash of the whole table; 0 from an agent that does not say it' CODEC(ZSTD(1)), MODIFY ORDER BY (build_id, pieces, piece, offset, name, hash);

ALTER TABLE {db}.symbols{local}{on_cluster} ADD COLUMN IF NOT EXISTS `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1));
