CREATE OR REPLACE VIEW tcpledger.q_endings_with_loss AS
SELECT c.closed_at AS closed_at, c.host AS host, replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, c.service_port AS service_port, c.role AS role, c.cause AS cause, c.owner_comm AS owner,
    c.retransmits AS retransmits, c.dsack_dups AS dsack_dups, sum(r.weight) AS seen, countIf(r.dropped_here) AS here,
    countIf(r.drop_host != '' AND NOT r.dropped_here) AS elsewhere, countIf(r.explained = 'no drop seen') AS no_drop,
    arraySort(groupUniqArrayIf(r.why, r.why != '')) AS why, arraySort(groupUniqArrayIf(r.drop_reason, r.drop_reason != '')) AS drop_reasons
FROM (SELECT * FROM tcpledger.connections FINAL WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND retransmits > 0) AS c
LEFT JOIN
(
    SELECT * FROM tcpledger.retransmissions(from = {from:DateTime64(6, 'UTC')} - toIntervalMinute(10), to = {to:DateTime64(6, 'UTC')})
) AS r ON c.host = r.host AND c.boot_id = r.boot_id AND c.session = r.session AND c.conn = r.conn
GROUP BY c.host, c.boot_id, c.session, c.stream, c.seq, closed_at, remote_ip, service_port, role, cause, owner, retransmits, dsack_dups
ORDER BY retransmits DESC, closed_at, host, remote
LIMIT 1000
COMMENT 'How much of what an ended connection lost was dropped on its own host? (edition 1, text 2369ec50db37)';
