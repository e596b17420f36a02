-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which connects failed, and why?
SELECT cause, error, {plain remote_ip} AS remote, remote_port, owner_comm AS owner, count() AS failed,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM {db}.connections FINAL
WHERE {window of closed_at} AND cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port')
GROUP BY cause, error, remote_ip, remote_port, owner
ORDER BY failed DESC, cause, error, remote_ip, remote_port, owner
