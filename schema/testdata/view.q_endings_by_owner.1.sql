CREATE OR REPLACE VIEW tcpledger.q_endings_by_owner AS
SELECT owner_comm AS owner, if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service)) AS place, count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received, uniqExact(host) AS hosts,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received, sumMap(map(toString(cause), toUInt64(1))) AS causes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY owner, place
ORDER BY endings DESC, owner, place
COMMENT 'On whose behalf were the connections that ended? (edition 1, text e7d59b3be4e0)';
