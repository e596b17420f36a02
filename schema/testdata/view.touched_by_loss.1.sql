CREATE OR REPLACE MATERIALIZED VIEW tcpledger.touched_by_loss
TO tcpledger.touched AS
SELECT 'losses' AS source, toStartOfFiveMinutes(inserted.at) AS bucket, now64(3, 'UTC') AS at FROM tcpledger.loss AS inserted GROUP BY bucket
COMMENT 'Notes which five minutes got rows in loss (edition 1, text aa621341310d)';
