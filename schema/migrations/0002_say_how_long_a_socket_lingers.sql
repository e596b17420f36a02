-- SPDX-License-Identifier: Apache-2.0

ALTER TABLE {db}.events{local}{on_cluster} ADD COLUMN IF NOT EXISTS `state_us` Nullable(UInt64) COMMENT 'Of a lingering event: how long the socket had been in its state; NULL where it was in it before the agent' CODEC(ZSTD(1)) AFTER length;
