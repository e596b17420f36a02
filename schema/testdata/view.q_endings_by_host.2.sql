CREATE OR REPLACE VIEW tcpledger.q_endings_by_host AS
SELECT host, if(host IN (SELECT name FROM tcpledger.shared_names(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}) WHERE shared = 'name' AND at_once > 1), toString(boot_id), '') AS boot, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(remote_ip) AS remotes, countIf(clock_off) AS clocks_off, sumMap(map(toString(cause), toUInt64(1))) AS causes
FROM tcpledger.connections FINAL
WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY host, boot
ORDER BY endings DESC, host, boot
COMMENT 'On which hosts did connections end? (edition 2, text a2df5c07c2a6)';
