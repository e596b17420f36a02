-- SPDX-License-Identifier: Apache-2.0
-- edition 3: Which connects failed, and why?
--
-- turned_away counts the attempts that listeners of the address and port turned away in the window because a queue was full,
-- whoever made them; listeners names them by host and owner. A listener on every address is found by the addresses
-- that its host had in the window.
SELECT cause, error, {plain remote_ip} AS remote, remote_port, owner_comm AS owner, count() AS failed,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at,
    arraySum(l -> l.3, groupUniqArrayArray(arrayFilter(l -> (l.1, l.4) = (toString(host), boot_id) OR NOT {loopback remote_ip}, found)) AS full) AS turned_away, arraySort(arrayMap(l -> concat(l.1, ' ', l.2), full)) AS listeners
FROM (SELECT * FROM {db}.connections FINAL WHERE {window of closed_at} AND cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port')) AS ended
LEFT JOIN
(
    SELECT ip AS remote_ip, bound_port AS remote_port, groupArray((on_host, owned_by, away, on_boot)) AS found
    FROM
    (
        SELECT toString(host) AS on_host, boot_id AS on_boot, (host, boot_id, netns, netns_cookie) AS place, local_ip AS bound_ip, local_port AS bound_port,
            toString(any(owner_comm)) AS owned_by, sum(turned_away) AS away
        FROM {db}.events FINAL
        WHERE {window of at} AND kind = 'listener' AND turned_away > 0
        GROUP BY host, boot_id, netns, netns_cookie, local_ip, local_port
    ) AS full_ones
    LEFT JOIN
    (
        SELECT (host, boot_id, netns, netns_cookie) AS place, groupUniqArray(local_ip) AS ips
        FROM
        (
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM {db}.connections WHERE {window of closed_at}
            UNION ALL
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM {db}.events WHERE {window of at} AND kind != 'listener'
        )
        GROUP BY place
    ) AS addresses USING (place)
    ARRAY JOIN if({every address bound_ip}, ips, [bound_ip]) AS ip
    GROUP BY ip, bound_port
) AS full_listeners USING (remote_ip, remote_port)
GROUP BY cause, error, remote_ip, remote_port, owner
ORDER BY failed DESC, cause, error, remote_ip, remote_port, owner
