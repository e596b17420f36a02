CREATE OR REPLACE VIEW tcpledger.q_timeline AS
SELECT toStartOfMinute(closed_at) AS minute, cause, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY minute, cause
ORDER BY minute, endings DESC, cause
COMMENT 'How many connections ended in each minute, by cause? (edition 1, text a7d652cfbb9b)';
