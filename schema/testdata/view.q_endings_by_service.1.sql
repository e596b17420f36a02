CREATE OR REPLACE VIEW tcpledger.q_endings_by_service AS
SELECT service_port, role, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, round(median(duration_us) / 1000, 3) AS median_ms, sumMap(map(toString(cause), toUInt64(1))) AS causes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY service_port, role
ORDER BY endings DESC, service_port, role
COMMENT 'Which services did it hit? (edition 1, text 5a9ec1e0f172)';
