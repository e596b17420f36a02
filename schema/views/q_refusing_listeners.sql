-- SPDX-License-Identifier: Apache-2.0
-- edition 3: Which ports turned connections away?
--
-- A SYN that nobody listens for is answered with a reset (seen from Linux 6.10 on), or the kernel drops it and says why; a listener that
-- closes ends the connections that it has not accepted. A listener whose queue is full drops a SYN without a reason: see
-- q_full_listeners.
SELECT host, boot, local_port, how, sum(records) AS times, uniqExact(remote_ip) AS remotes, min(moment) AS first_at, max(moment) AS last_at
FROM
(
    SELECT host, {boot} AS boot, local_port, if(kind = 'drop', concat('dropped: ', reason), concat('reset: ', reason)) AS how, weight AS records, remote_ip, at AS moment
    FROM {db}.events FINAL
    WHERE {window of at}
        AND (kind = 'reset_sent' OR kind = 'drop' AND direction = 'in') AND bitAnd(tcp_flags, 18) = 2 AND state IN ('', 'LISTEN', 'NEW_SYN_RECV')
    UNION ALL
    SELECT host, {boot} AS boot, local_port, 'listener closed' AS how, weight AS records, remote_ip, closed_at AS moment FROM {db}.connections FINAL
    WHERE {window of closed_at} AND cause = 'listener_closed'
)
GROUP BY host, boot, local_port, how
ORDER BY times DESC, host, boot, local_port, how
