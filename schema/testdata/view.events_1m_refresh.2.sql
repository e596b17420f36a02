CREATE OR REPLACE MATERIALIZED VIEW tcpledger.events_1m_refresh
REFRESH EVERY 30 SECOND APPEND TO tcpledger.events_1m AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfFiveMinutes(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('events', 'events_1m')
            UNION ALL
            SELECT bucket, toDateTime64(0, 3, 'UTC'), last FROM (SELECT bucket, max(made_at) AS last FROM tcpledger.events_1m WHERE bucket IN (SELECT toStartOfFiveMinutes(bucket) FROM tcpledger.touched WHERE source IN ('events', 'events_1m')) GROUP BY bucket SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 24
    )
) AS due
SELECT bucket, minute, kind, reason, error, direction, role, service_port,
    sumIf(events, fresh = recount) AS events,
    sumIf(weight, fresh = recount) AS weight,
    sumIf(length, fresh = recount) AS length,
    arraySort(groupUniqArrayArrayIf(hosts, fresh = recount)) AS hosts,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(events, fresh) OVER (PARTITION BY bucket) >= sumIf(events, NOT fresh) OVER (PARTITION BY bucket) AS recount
    FROM
    (
        SELECT bucket, minute, kind, reason, error, direction, role, service_port, events, weight, length, hosts, true AS fresh
        FROM
        (
            SELECT bucket, minute, kind, reason, error, direction, role, service_port, events, weight, length, hosts FROM
            (
                SELECT toStartOfFiveMinutes(at) AS bucket, toStartOfMinute(at) AS minute, kind, reason, error, direction, role, service_port, count() AS events, sum(weight) AS weight, sum(length) AS length, arraySort(groupUniqArray(host)) AS hosts
                FROM tcpledger.events FINAL
                WHERE toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due))
                GROUP BY ALL
            )
        )
        UNION ALL
        SELECT bucket, minute, kind, reason, error, direction, role, service_port, events, weight, length, hosts, false AS fresh
        FROM tcpledger.events_1m FINAL
        WHERE bucket IN (SELECT arrayJoin(due)) AND events > 0
    )
)
GROUP BY bucket, minute, kind, reason, error, direction, role, service_port
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes events_1m where events got rows (edition 2, text 249428c66832)';
