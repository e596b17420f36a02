CREATE OR REPLACE VIEW tcpledger.q_failed_connects AS
SELECT cause, error, replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, remote_port, owner_comm AS owner, count() AS failed,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port')
GROUP BY cause, error, remote_ip, remote_port, owner
ORDER BY failed DESC, cause, error, remote_ip, remote_port, owner
COMMENT 'Which connects failed, and why? (edition 1, text 94ba13eb60da)';
