-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which connections ended because nobody answered?
--
-- silence_ms is the median time since data last arrived.
SELECT cause, {plain remote_ip} AS remote, service_port, role, count() AS endings,
    uniqExact(host) AS hosts, sum(retransmits) AS retransmitted, sum(bytes_unacked) AS unacked, max(timer_retries) AS retries, max(probes_out) AS probes,
    round(median(last_rx_age_ms)) AS silence_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM {db}.connections FINAL
WHERE {window of closed_at}
    AND (cause IN ('connect_timeout', 'retransmit_timeout', 'keepalive_timeout', 'zero_window_timeout', 'linger2_timeout') OR error = 'ETIMEDOUT')
GROUP BY cause, remote_ip, service_port, role
ORDER BY endings DESC, cause, remote_ip, service_port, role
