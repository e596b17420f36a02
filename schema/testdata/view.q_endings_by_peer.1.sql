CREATE OR REPLACE VIEW tcpledger.q_endings_by_peer AS
SELECT replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, service_port, role, count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received, uniqExact(host) AS hosts,
    sumMap(map(toString(cause), toUInt64(1))) AS causes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY remote_ip, service_port, role
ORDER BY endings DESC, remote_ip, service_port, role
COMMENT 'Which remote addresses were at the other end? (edition 1, text 69f63252a2b4)';
