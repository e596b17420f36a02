CREATE OR REPLACE VIEW tcpledger.q_undelivered_data AS
SELECT owner_comm AS owner, if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service)) AS place, service_port, role, cause,
    count() AS endings, sum(bytes_unread) AS unread, sum(bytes_unsent) AS unsent, sum(bytes_unacked) AS unacked, countIf(reset = 'sent') AS resets_sent
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND (bytes_unread > 0 OR bytes_unsent > 0 OR bytes_unacked > 0)
GROUP BY owner, place, service_port, role, cause
ORDER BY unread + unsent + unacked DESC, owner, place, service_port, role, cause
COMMENT 'Whose data was left unread, unsent or unacknowledged? (edition 1, text 69bc7be77046)';
