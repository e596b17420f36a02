-- SPDX-License-Identifier: Apache-2.0

-- A listener says how many handshakes came to nothing, and how many SYN cookies it sent.
ALTER TABLE {db}.events{local}{on_cluster} ADD COLUMN IF NOT EXISTS `half_open_expired` UInt64 COMMENT 'Of a listener event: handshakes since the last one that ended because the client never answered the SYN-ACK' CODEC(T64, ZSTD(1)) AFTER half_open,
    ADD COLUMN IF NOT EXISTS `half_open_reset` UInt64 COMMENT 'Of a listener event: handshakes since the last one that the client ended by a reset; before Linux 6.11 only of those whose SYN-ACK was sent again' CODEC(T64, ZSTD(1)) AFTER half_open_expired,
    ADD COLUMN IF NOT EXISTS `cookies_sent` Nullable(UInt64) COMMENT 'Of a listener event: SYN cookies sent since the last one; NULL if the kernel\'s count is not of this listener alone' CODEC(ZSTD(1)) AFTER half_open_reset;
