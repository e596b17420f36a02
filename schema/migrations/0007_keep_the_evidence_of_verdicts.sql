-- SPDX-License-Identifier: Apache-2.0

-- The evidence that decides a verdict stands in its row, with the version of the rules, so that it can be decided again. A row that is
-- older than these columns has rules 0: its evidence was not kept.
ALTER TABLE {db}.connections{local}{on_cluster} ADD COLUMN IF NOT EXISTS `rules` UInt16 COMMENT 'Version of the rules that decided cause, initiator and reset; 0 of a row that is older than this column' CODEC(T64, ZSTD(1)) AFTER last_state,
    ADD COLUMN IF NOT EXISTS `evidence` UInt32 COMMENT 'Facts about the socket at its end, one bit each (docs/verdicts.md)' CODEC(T64, ZSTD(1)) AFTER rules,
    ADD COLUMN IF NOT EXISTS `first_fin` LowCardinality(String) COMMENT 'Who sent the first FIN: none, local or peer' AFTER evidence,
    ADD COLUMN IF NOT EXISTS `first_fin_evidence` UInt32 COMMENT 'The facts at the first FIN, the same bits' CODEC(T64, ZSTD(1)) AFTER first_fin,
    ADD COLUMN IF NOT EXISTS `error_soft` LowCardinality(String) COMMENT 'The error that the kernel kept for a timeout (sk_err_soft), empty for none' AFTER first_fin_evidence,
    ADD COLUMN IF NOT EXISTS `shutdown` UInt8 COMMENT 'Directions that were shut down: receive 1, send 2' CODEC(T64, ZSTD(1)) AFTER error_soft,
    ADD COLUMN IF NOT EXISTS `timer_retries` UInt32 COMMENT 'Timeouts in a row without an acknowledgement (icsk_retransmits)' CODEC(T64, ZSTD(1)) AFTER shutdown,
    ADD COLUMN IF NOT EXISTS `probes_out` UInt32 COMMENT 'Keepalive and window probes without an answer (icsk_probes_out)' CODEC(T64, ZSTD(1)) AFTER timer_retries,
    ADD COLUMN IF NOT EXISTS `send_window` UInt32 COMMENT 'The window that the peer offered (snd_wnd), bytes' CODEC(T64, ZSTD(1)) AFTER probes_out;
