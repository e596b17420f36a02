CREATE OR REPLACE VIEW tcpledger.q_drops_by_reason AS
SELECT reason, direction, state, service_port, role, count() AS drops, sum(weight) AS records, sum(length) AS bytes,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM tcpledger.events FINAL
WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind = 'drop'
GROUP BY reason, direction, state, service_port, role
ORDER BY records DESC, reason, direction, state, service_port, role
COMMENT 'Which packets did the kernel drop, and for what reason? (edition 1, text 7746911b221c)';
