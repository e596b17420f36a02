CREATE OR REPLACE VIEW tcpledger.q_first_movers AS
SELECT initiator, cause, count() AS endings, round(100 * endings / sum(endings) OVER (), 1) AS percent, uniqExact(host) AS hosts,
    topK(3)(owner_comm) AS owners
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY initiator, cause
ORDER BY endings DESC, initiator, cause
COMMENT 'Who moved first? (edition 1, text cf826d383577)';
