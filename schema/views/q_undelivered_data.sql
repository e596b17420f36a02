-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Whose data was left unread, unsent or unacknowledged?
SELECT owner_comm AS owner, {place} AS place, service_port, role, cause,
    count() AS endings, sum(bytes_unread) AS unread, sum(bytes_unsent) AS unsent, sum(bytes_unacked) AS unacked, countIf(reset = 'sent') AS resets_sent
FROM {db}.connections FINAL
WHERE {window of closed_at} AND (bytes_unread > 0 OR bytes_unsent > 0 OR bytes_unacked > 0)
GROUP BY owner, place, service_port, role, cause
ORDER BY unread + unsent + unacked DESC, owner, place, service_port, role, cause
