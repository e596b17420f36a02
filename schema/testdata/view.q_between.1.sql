CREATE OR REPLACE VIEW tcpledger.q_between AS
SELECT verdict, service_port, role, count() AS endings, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, topK(3)(owner_comm) AS owners,
    topK(3)(cause) AS causes, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM tcpledger.both_ends(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}, around = 600)
WHERE verdict LIKE '%between them%'
GROUP BY verdict, service_port, role
ORDER BY endings DESC, verdict, service_port, role
COMMENT 'What did something between the hosts end? (edition 1, text e86411c7d6e7)';
