-- SPDX-License-Identifier: Apache-2.0
-- edition 1: On whose behalf were the connections that ended?
--
-- place is the owner's pod, else its container, else its service.
SELECT owner_comm AS owner, {place} AS place, count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received, uniqExact(host) AS hosts,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received, {counts of cause} AS causes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY owner, place
ORDER BY endings DESC, owner, place
