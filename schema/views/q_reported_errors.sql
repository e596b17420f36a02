-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which errors did applications get?
--
-- records counts what a budget skipped too.
SELECT error, owner_comm AS owner, {place} AS place, service_port, role,
    count() AS errors, sum(weight) AS records, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM {db}.events FINAL
WHERE {window of at} AND kind = 'error'
GROUP BY error, owner, place, service_port, role
ORDER BY records DESC, error, owner, place, service_port, role
