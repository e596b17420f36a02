CREATE OR REPLACE VIEW tcpledger.q_endings_by_host AS
SELECT host, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(remote_ip) AS remotes, countIf(clock_off) AS clocks_off, sumMap(map(toString(cause), toUInt64(1))) AS causes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY host
ORDER BY endings DESC, host
COMMENT 'On which hosts did connections end? (edition 1, text f2752a44d596)';
