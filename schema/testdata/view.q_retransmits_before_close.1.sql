CREATE OR REPLACE VIEW tcpledger.q_retransmits_before_close AS
SELECT replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, service_port, role, cause, count() AS endings, sum(retransmits) AS retransmitted,
    round(100 * retransmitted / sum(segs_out), 2) AS percent, round(median(srtt_us) / 1000, 3) AS median_srtt_ms, sum(bytes_unacked) AS unacked,
    uniqExact(host) AS hosts
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND retransmits > 0
GROUP BY remote_ip, service_port, role, cause
ORDER BY retransmitted DESC, remote_ip, service_port, role, cause
COMMENT 'Which connections had to send again before they ended? (edition 1, text 60d9a1668314)';
