CREATE OR REPLACE VIEW tcpledger.q_reported_errors AS
SELECT error, owner_comm AS owner, if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service)) AS place, service_port, role,
    count() AS errors, sum(weight) AS records, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM tcpledger.events FINAL
WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind = 'error'
GROUP BY error, owner, place, service_port, role
ORDER BY records DESC, error, owner, place, service_port, role
COMMENT 'Which errors did applications get? (edition 1, text 7196c8680ca2)';
