CREATE OR REPLACE MATERIALIZED VIEW tcpledger.touched_by_events
TO tcpledger.touched AS
SELECT 'events' AS source, toStartOfFiveMinutes(inserted.at) AS bucket, now64(3, 'UTC') AS at FROM tcpledger.events AS inserted GROUP BY bucket
COMMENT 'Notes which five minutes got rows in events (edition 1, text b2505fab79fa)';
