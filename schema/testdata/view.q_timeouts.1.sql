CREATE OR REPLACE VIEW tcpledger.q_timeouts AS
SELECT cause, replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, service_port, role, count() AS endings,
    uniqExact(host) AS hosts, sum(retransmits) AS retransmitted, sum(bytes_unacked) AS unacked, max(timer_retries) AS retries, max(probes_out) AS probes,
    round(median(last_rx_age_ms)) AS silence_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
    AND (cause IN ('connect_timeout', 'retransmit_timeout', 'keepalive_timeout', 'zero_window_timeout', 'linger2_timeout') OR error = 'ETIMEDOUT')
GROUP BY cause, remote_ip, service_port, role
ORDER BY endings DESC, cause, remote_ip, service_port, role
COMMENT 'Which connections ended because nobody answered? (edition 1, text 65b68ee546d3)';
