CREATE OR REPLACE VIEW tcpledger.q_endings_by_cause AS
SELECT cause, count() AS endings, round(100 * endings / sum(endings) OVER (), 1) AS percent,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY cause
ORDER BY endings DESC, cause
COMMENT 'Why did connections end? (edition 1, text c02db41601f7)';
