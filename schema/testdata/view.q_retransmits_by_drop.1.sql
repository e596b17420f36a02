CREATE OR REPLACE VIEW tcpledger.q_retransmits_by_drop AS
SELECT why, explained, drop_host, drop_reason, service_port, role, count() AS packets, sum(weight) AS records, sum(length) AS bytes,
    uniqExact(host, boot_id, session, conn) AS connections, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM tcpledger.retransmissions(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')})
GROUP BY why, explained, drop_host, drop_reason, service_port, role
ORDER BY packets DESC, why, explained, drop_host, drop_reason, service_port, role
COMMENT 'Why were packets sent again, and which drop of a host of the ledger explains it? (edition 1, text e0163de32329)';
