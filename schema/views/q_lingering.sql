-- SPDX-License-Identifier: Apache-2.0
-- edition 2: Which sockets stayed open after one side had closed?
--
-- Each socket counts once, in the last state in which it lingered, also if the agent began anew meanwhile: cookie and addresses name
-- it. still_there counts those that had no end after that in the window.
SELECT last_state AS state, owner, place, service_port, role, count() AS sockets, countIf(ended_at < last_at) AS still_there, uniqExact(host) AS hosts,
    round(max(longest_us) / 1e6) AS longest_s, min(first) AS first_at
FROM
(
    SELECT host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port, max(at) AS last_at, argMax(state, at) AS last_state, any(owner_comm) AS owner, any(service_port) AS service_port, any(role) AS role,
        any({place}) AS place,
        max(state_us) AS longest_us, min(at) AS first
    FROM {db}.events FINAL
    WHERE {window of at} AND kind = 'lingering'
    GROUP BY host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port
) AS lingered
LEFT JOIN
(
    SELECT host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port, max(closed_at) AS ended_at FROM {db}.connections
    WHERE {window of closed_at}
    GROUP BY host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port
) AS ends USING (host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port)
GROUP BY state, owner, place, service_port, role
ORDER BY sockets DESC, state, owner, place, service_port, role
