CREATE OR REPLACE VIEW tcpledger.q_refusing_listeners AS
SELECT host, boot, local_port, how, sum(records) AS times, uniqExact(remote_ip) AS remotes, min(moment) AS first_at, max(moment) AS last_at
FROM
(
    SELECT host, if(host IN (SELECT name FROM tcpledger.shared_names(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}) WHERE shared = 'name' AND at_once > 1), toString(boot_id), '') AS boot, local_port, if(kind = 'drop', concat('dropped: ', reason), concat('reset: ', reason)) AS how, weight AS records, remote_ip, at AS moment
    FROM tcpledger.events FINAL
    WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}
        AND (kind = 'reset_sent' OR kind = 'drop' AND direction = 'in') AND bitAnd(tcp_flags, 18) = 2 AND state IN ('', 'LISTEN', 'NEW_SYN_RECV')
    UNION ALL
    SELECT host, if(host IN (SELECT name FROM tcpledger.shared_names(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}) WHERE shared = 'name' AND at_once > 1), toString(boot_id), '') AS boot, local_port, 'listener closed' AS how, weight AS records, remote_ip, closed_at AS moment FROM tcpledger.connections FINAL
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND cause = 'listener_closed'
)
GROUP BY host, boot, local_port, how
ORDER BY times DESC, host, boot, local_port, how
COMMENT 'Which ports turned connections away? (edition 3, text 4dfd222c4deb)';
