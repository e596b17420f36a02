-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which connections had to send again before they ended?
--
-- percent is of the segments that these connections sent.
SELECT {plain remote_ip} AS remote, service_port, role, cause, count() AS endings, sum(retransmits) AS retransmitted,
    round(100 * retransmitted / sum(segs_out), 2) AS percent, round(median(srtt_us) / 1000, 3) AS median_srtt_ms, sum(bytes_unacked) AS unacked,
    uniqExact(host) AS hosts
FROM {db}.connections FINAL
WHERE {window of closed_at} AND retransmits > 0
GROUP BY remote_ip, service_port, role, cause
ORDER BY retransmitted DESC, remote_ip, service_port, role, cause
