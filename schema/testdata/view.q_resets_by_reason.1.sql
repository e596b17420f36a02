CREATE OR REPLACE VIEW tcpledger.q_resets_by_reason AS
SELECT kind, reason, state, service_port, role, count() AS resets, sum(weight) AS records, uniqExact(host) AS hosts,
    uniqExact(remote_ip) AS remotes, topK(3)(owner_comm) AS owners
FROM tcpledger.events FINAL
WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind IN ('reset_sent', 'reset_received')
GROUP BY kind, reason, state, service_port, role
ORDER BY records DESC, kind, reason, state, service_port, role
COMMENT 'Which resets were sent and received, and for what reason? (edition 1, text 72b158ac082a)';
