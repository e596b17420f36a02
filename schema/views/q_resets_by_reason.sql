-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which resets were sent and received, and for what reason?
--
-- The kernel gives a reason for resets that it sends, from 6.10 on. records counts what a budget skipped too.
SELECT kind, reason, state, service_port, role, count() AS resets, sum(weight) AS records, uniqExact(host) AS hosts,
    uniqExact(remote_ip) AS remotes, topK(3)(owner_comm) AS owners
FROM {db}.events FINAL
WHERE {window of at} AND kind IN ('reset_sent', 'reset_received')
GROUP BY kind, reason, state, service_port, role
ORDER BY records DESC, kind, reason, state, service_port, role
