-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which sockets stayed open after one side had closed?
--
-- Each socket counts once, in the last state in which it lingered. still_there counts those that had no end in the window.
SELECT last_state AS state, owner, place, service_port, role, count() AS sockets, countIf(ended = 0) AS still_there, uniqExact(host) AS hosts,
    round(max(longest_us) / 1e6) AS longest_s, min(first) AS first_at
FROM
(
    SELECT host, boot_id, session, conn, argMax(state, at) AS last_state, any(owner_comm) AS owner, any(service_port) AS service_port, any(role) AS role,
        any({place}) AS place,
        max(state_us) AS longest_us, min(at) AS first
    FROM {db}.events FINAL
    WHERE {window of at} AND kind = 'lingering'
    GROUP BY host, boot_id, session, conn
) AS lingered
LEFT JOIN
(
    SELECT DISTINCT host, boot_id, session, conn, 1 AS ended FROM {db}.connections
    WHERE {window of closed_at}
) AS ends USING (host, boot_id, session, conn)
GROUP BY state, owner, place, service_port, role
ORDER BY sockets DESC, state, owner, place, service_port, role
