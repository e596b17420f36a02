-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which packets did the kernel drop, and for what reason?
--
-- records counts what a budget skipped too.
SELECT reason, direction, state, service_port, role, count() AS drops, sum(weight) AS records, sum(length) AS bytes,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM {db}.events FINAL
WHERE {window of at} AND kind = 'drop'
GROUP BY reason, direction, state, service_port, role
ORDER BY records DESC, reason, direction, state, service_port, role
