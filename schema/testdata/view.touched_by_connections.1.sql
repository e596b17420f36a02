CREATE OR REPLACE MATERIALIZED VIEW tcpledger.touched_by_connections
TO tcpledger.touched AS
SELECT 'connections' AS source, toStartOfFiveMinutes(inserted.closed_at) AS bucket, now64(3, 'UTC') AS at FROM tcpledger.connections AS inserted GROUP BY bucket
COMMENT 'Notes which five minutes got rows in connections (edition 1, text 12881d02c110)';
