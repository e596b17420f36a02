-- SPDX-License-Identifier: Apache-2.0
-- edition 4: What happened to the connections of one address and port?
--
-- ip and port are of either end, as its host or as the other side of a translation sees it. Containers of one host may have
-- the same address: netns_cookie tells their network namespaces apart.
-- The index of ends finds the rows, in a window of any length.
SELECT moment AS at, host, netns_cookie, what, why, conn, local, remote, owner, state, bytes
FROM
(
    SELECT closed_at AS moment, host, netns_cookie, 'ended' AS what, if(reset = 'none', toString(cause), concat(cause, ', reset ', reset)) AS why, conn,
        concat({plain local_ip}, ' ', toString(local_port)) AS local,
        concat({plain remote_ip}, ' ', toString(remote_port)) AS remote,
        owner_comm AS owner, last_state AS state, bytes_sent + bytes_received AS bytes, session, stream, seq
    FROM {db}.connections FINAL
    WHERE {window of closed_at}
        AND {either end of a connection}
    UNION ALL
    SELECT at AS moment, host, netns_cookie, kind AS what, if(reason != '', reason, error) AS why, conn,
        concat({plain local_ip}, ' ', toString(local_port)) AS local,
        concat({plain remote_ip}, ' ', toString(remote_port)) AS remote,
        owner_comm AS owner, state, length AS bytes, session, stream, seq
    FROM {db}.events FINAL
    WHERE {window of at}
        AND {either end of an event}
)
ORDER BY at, host, session, stream, seq
