CREATE OR REPLACE VIEW tcpledger.q_idle_connections AS
SELECT cause, initiator, service_port, role, count() AS endings, round(median(idle_ms) / 1000, 1) AS median_idle_s,
    round(max(idle_ms) / 1000, 1) AS longest_idle_s, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes
FROM
(
    SELECT *, coalesce(least(last_rx_age_ms, last_tx_age_ms), last_rx_age_ms, last_tx_age_ms, intDiv(duration_us, 1000)) AS idle_ms
    FROM tcpledger.connections FINAL
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
        AND last_state NOT IN ('SYN_SENT', 'SYN_RECV')
)
WHERE idle_ms >= 1000 * {idle_s:UInt64}
GROUP BY cause, initiator, service_port, role
ORDER BY endings DESC, cause, initiator, service_port, role
COMMENT 'Which connections carried no data for idle_s before they ended? (edition 1, text 90710e8679ab)';
