-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which connections were established and lived less than shorter_than_ms?
SELECT owner_comm AS owner, service_port, role, cause, count() AS endings, countIf(bytes_sent = 0 AND bytes_received = 0) AS without_data,
    round(median(duration_us) / 1000, 3) AS median_ms, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes
FROM {db}.connections FINAL
WHERE {window of closed_at} AND connect_us IS NOT NULL AND duration_us < 1000 * {shorter_than_ms:UInt64}
GROUP BY owner, service_port, role, cause
ORDER BY endings DESC, owner, service_port, role, cause
