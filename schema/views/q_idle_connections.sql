-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which connections carried no data for idle_s before they ended?
--
-- Idle is the time since data was last sent or received, or the whole life of a connection that never carried any. A connection that began
-- before the agent and carried none since is left out: how long it was idle is not known.
SELECT cause, initiator, service_port, role, count() AS endings, round(median(idle_ms) / 1000, 1) AS median_idle_s,
    round(max(idle_ms) / 1000, 1) AS longest_idle_s, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes
FROM
(
    SELECT *, coalesce(least(last_rx_age_ms, last_tx_age_ms), last_rx_age_ms, last_tx_age_ms, intDiv(duration_us, 1000)) AS idle_ms
    FROM {db}.connections FINAL
    WHERE {window of closed_at}
        AND last_state NOT IN ('SYN_SENT', 'SYN_RECV')
)
WHERE idle_ms >= 1000 * {idle_s:UInt64}
GROUP BY cause, initiator, service_port, role
ORDER BY endings DESC, cause, initiator, service_port, role
