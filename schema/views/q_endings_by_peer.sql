-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which remote addresses were at the other end?
SELECT {plain remote_ip} AS remote, service_port, role, count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received, uniqExact(host) AS hosts,
    {counts of cause} AS causes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY remote_ip, service_port, role
ORDER BY endings DESC, remote_ip, service_port, role
