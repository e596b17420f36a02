-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which services did it hit?
--
-- A service is the port that names it, and the side on which the host was.
SELECT service_port, role, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, round(median(duration_us) / 1000, 3) AS median_ms, {counts of cause} AS causes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY service_port, role
ORDER BY endings DESC, service_port, role
