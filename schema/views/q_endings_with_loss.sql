-- SPDX-License-Identifier: Apache-2.0
-- edition 1: How much of what an ended connection lost was dropped on its own host?
--
-- retransmits is the kernel's count of segments, and dsack_dups of those that its peer got twice: sent again without need. The rest counts packets (of several segments each)
-- of the ten minutes before the window and of the window: here were dropped on this host, elsewhere on another host of the ledger, for no_drop nobody saw one.
SELECT c.closed_at AS closed_at, c.host AS host, {plain remote_ip} AS remote, c.service_port AS service_port, c.role AS role, c.cause AS cause, c.owner_comm AS owner,
    c.retransmits AS retransmits, c.dsack_dups AS dsack_dups, sum(r.weight) AS seen, countIf(r.dropped_here) AS here,
    countIf(r.drop_host != '' AND NOT r.dropped_here) AS elsewhere, countIf(r.explained = 'no drop seen') AS no_drop,
    arraySort(groupUniqArrayIf(r.why, r.why != '')) AS why, arraySort(groupUniqArrayIf(r.drop_reason, r.drop_reason != '')) AS drop_reasons
FROM (SELECT * FROM {db}.connections FINAL WHERE {window of closed_at} AND retransmits > 0) AS c
LEFT JOIN
(
    SELECT * FROM {db}.retransmissions(from = {from:DateTime64(6, 'UTC')} - toIntervalMinute(10), to = {to:DateTime64(6, 'UTC')})
) AS r ON c.host = r.host AND c.boot_id = r.boot_id AND c.session = r.session AND c.conn = r.conn
GROUP BY c.host, c.boot_id, c.session, c.stream, c.seq, closed_at, remote_ip, service_port, role, cause, owner, retransmits, dsack_dups
ORDER BY retransmits DESC, closed_at, host, remote
LIMIT 1000
