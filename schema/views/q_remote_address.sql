-- SPDX-License-Identifier: Apache-2.0
-- edition 1: How did connections with one remote address end?
SELECT host, service_port, role, cause, initiator, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received, min(closed_at) AS first_at, max(closed_at) AS last_at, topK(3)(owner_comm) AS owners
FROM {db}.connections FINAL
WHERE {window of closed_at} AND remote_ip = toIPv6({ip:String})
GROUP BY host, service_port, role, cause, initiator
ORDER BY endings DESC, host, service_port, role, cause, initiator
