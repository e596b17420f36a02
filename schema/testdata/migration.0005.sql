ALTER TABLE tcpledger.dead_letters ADD COLUMN IF NOT EXISTS `replayed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When decode --replay sent it to its topic again; NULL if it did not' CODEC(ZSTD(1));

ALTER TABLE tcpledger.symbols ADD COLUMN IF NOT EXISTS `hash` UInt64 COMMENT 'Hash of the whole table; 0 from an agent that does not say it' CODEC(ZSTD(1)), MODIFY ORDER BY (build_id, pieces, piece, offset, name, hash);

ALTER TABLE tcpledger.symbols ADD COLUMN IF NOT EXISTS `received_at` DateTime64(6, 'UTC') COMMENT 'When the ingester stored the row' CODEC(Delta, ZSTD(1));
