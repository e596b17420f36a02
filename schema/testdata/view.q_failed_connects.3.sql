CREATE OR REPLACE VIEW tcpledger.q_failed_connects AS
SELECT cause, error, replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1') AS remote, remote_port, owner_comm AS owner, count() AS failed,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at,
    arraySum(l -> l.3, groupUniqArrayArray(arrayFilter(l -> (l.1, l.4) = (toString(host), boot_id) OR NOT (startsWith(toString(remote_ip), '::ffff:127.') OR remote_ip = toIPv6('::1')), found)) AS full) AS turned_away, arraySort(arrayMap(l -> concat(l.1, ' ', l.2), full)) AS listeners
FROM (SELECT * FROM tcpledger.connections FINAL WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port')) AS ended
LEFT JOIN
(
    SELECT ip AS remote_ip, bound_port AS remote_port, groupArray((on_host, owned_by, away, on_boot)) AS found
    FROM
    (
        SELECT toString(host) AS on_host, boot_id AS on_boot, (host, boot_id, netns, netns_cookie) AS place, local_ip AS bound_ip, local_port AS bound_port,
            toString(any(owner_comm)) AS owned_by, sum(turned_away) AS away
        FROM tcpledger.events FINAL
        WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind = 'listener' AND turned_away > 0
        GROUP BY host, boot_id, netns, netns_cookie, local_ip, local_port
    ) AS full_ones
    LEFT JOIN
    (
        SELECT (host, boot_id, netns, netns_cookie) AS place, groupUniqArray(local_ip) AS ips
        FROM
        (
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM tcpledger.connections WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
            UNION ALL
            SELECT host, boot_id, netns, netns_cookie, local_ip FROM tcpledger.events WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind != 'listener'
        )
        GROUP BY place
    ) AS addresses USING (place)
    ARRAY JOIN if((bound_ip = toIPv6('::') OR bound_ip = toIPv6('::ffff:0.0.0.0')), ips, [bound_ip]) AS ip
    GROUP BY ip, bound_port
) AS full_listeners USING (remote_ip, remote_port)
GROUP BY cause, error, remote_ip, remote_port, owner
ORDER BY failed DESC, cause, error, remote_ip, remote_port, owner
COMMENT 'Which connects failed, and why? (edition 3, text c5b683b18a56)';
