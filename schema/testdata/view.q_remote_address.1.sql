CREATE OR REPLACE VIEW tcpledger.q_remote_address AS
SELECT host, service_port, role, cause, initiator, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received, min(closed_at) AS first_at, max(closed_at) AS last_at, topK(3)(owner_comm) AS owners
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND remote_ip = toIPv6({ip:String})
GROUP BY host, service_port, role, cause, initiator
ORDER BY endings DESC, host, service_port, role, cause, initiator
COMMENT 'How did connections with one remote address end? (edition 1, text 473b2f23601d)';
