ALTER TABLE tcpledger.events ADD COLUMN IF NOT EXISTS `turned_away` UInt64 COMMENT 'Of a listener event: attempts to connect that the listener turned away since the last one (ListenDrops)' CODEC(T64, ZSTD(1)) AFTER state_us,
    ADD COLUMN IF NOT EXISTS `aborted` UInt64 COMMENT 'Of a listener event: resets that it sent because of tcp_abort_on_overflow' CODEC(T64, ZSTD(1)) AFTER turned_away,
    ADD COLUMN IF NOT EXISTS `syn_cookies` Bool COMMENT 'Of a listener event: it sent SYN cookies' CODEC(ZSTD(1)) AFTER aborted,
    ADD COLUMN IF NOT EXISTS `queued` UInt32 COMMENT 'Of a listener event: connections that waited for accept() at that moment' CODEC(T64, ZSTD(1)) AFTER syn_cookies,
    ADD COLUMN IF NOT EXISTS `backlog` UInt32 COMMENT 'Of a listener event: the limit of its queues, the smaller of listen()\'s and net.core.somaxconn' CODEC(T64, ZSTD(1)) AFTER queued,
    ADD COLUMN IF NOT EXISTS `half_open` UInt32 COMMENT 'Of a listener event: handshakes that waited for their last packet at that moment' CODEC(T64, ZSTD(1)) AFTER backlog;

ALTER TABLE tcpledger.connections COMMENT COLUMN `owner_how` 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only), listen (of a listener event) or unknown';

ALTER TABLE tcpledger.events COMMENT COLUMN `owner_how` 'How it is known: connect, read, write, close, seed, kernel, listener (a hint: name only), listen (of a listener event) or unknown';
