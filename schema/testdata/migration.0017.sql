ALTER TABLE tcpledger.events ADD COLUMN IF NOT EXISTS `packet_seq` Nullable(UInt32) COMMENT 'Sequence number of the packet, of a reset that answers one of that packet; NULL without a packet' CODEC(ZSTD(1)) AFTER length,
    ADD COLUMN IF NOT EXISTS `packet_ack` Nullable(UInt32) COMMENT 'Of a drop: the packet\'s acknowledgement number; NULL if it has none' CODEC(ZSTD(1)) AFTER packet_seq,
    COMMENT COLUMN `reason` 'The kernel\'s reason for a reset or a drop; of a retransmit timeout, loss_recovery, fast_retransmit or tail_loss_probe (docs/retransmits.md)',
    COMMENT COLUMN `reason_raw` 'Its number on that kernel; of a retransmit icsk_ca_state + 256 * icsk_pending';

ALTER TABLE tcpledger.connections ADD COLUMN IF NOT EXISTS `dsack_dups` Nullable(UInt32) COMMENT 'Segments that the peer says it got twice: so many retransmissions were needless; NULL in a row of an older agent' CODEC(ZSTD(1)) AFTER retransmits;

ALTER TABLE tcpledger.events_1m COMMENT COLUMN `reason` 'The kernel\'s reason for a reset or a drop; of a retransmit timeout, loss_recovery, fast_retransmit or tail_loss_probe (docs/retransmits.md)';
