CREATE OR REPLACE MATERIALIZED VIEW tcpledger.closes_1m_refresh
REFRESH EVERY 30 SECOND APPEND TO tcpledger.closes_1m AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfFiveMinutes(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('connections', 'closes_1m')
            UNION ALL
            SELECT bucket, toDateTime64(0, 3, 'UTC'), last FROM (SELECT bucket, max(made_at) AS last FROM tcpledger.closes_1m WHERE bucket IN (SELECT toStartOfFiveMinutes(bucket) FROM tcpledger.touched WHERE source IN ('connections', 'closes_1m')) GROUP BY bucket SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 24
    )
) AS due
SELECT bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service,
    sumIf(endings, fresh = recount) AS endings,
    sumIf(weight, fresh = recount) AS weight,
    sumIf(clocks_off, fresh = recount) AS clocks_off,
    sumIf(bytes_sent, fresh = recount) AS bytes_sent,
    sumIf(bytes_received, fresh = recount) AS bytes_received,
    sumIf(bytes_unsent, fresh = recount) AS bytes_unsent,
    sumIf(bytes_unread, fresh = recount) AS bytes_unread,
    sumIf(retransmits, fresh = recount) AS retransmits,
    sumMapIf(durations, fresh = recount) AS durations,
    sumMapIf(connects, fresh = recount) AS connects,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(endings, fresh) OVER (PARTITION BY bucket) >= sumIf(endings, NOT fresh) OVER (PARTITION BY bucket) AS recount
    FROM
    (
        SELECT bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, durations, connects, true AS fresh
        FROM
        (
            SELECT bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, mapFromArrays(arraySort(arrayDistinct(all_durations)) AS powers_of_all_durations, arrayMap(x -> countEqual(all_durations, x), powers_of_all_durations)) AS durations, mapFromArrays(arraySort(arrayDistinct(all_connects)) AS powers_of_all_connects, arrayMap(x -> countEqual(all_connects, x), powers_of_all_connects)) AS connects FROM
            (
                SELECT toStartOfFiveMinutes(closed_at) AS bucket, toStartOfMinute(closed_at) AS minute, cause, role, service_port, initiator, reset, owner_comm, service, count() AS endings, sum(weight) AS weight, countIf(clock_off) AS clocks_off, sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received, sum(bytes_unsent) AS bytes_unsent, sum(bytes_unread) AS bytes_unread, sum(retransmits) AS retransmits, groupArray(assumeNotNull(if(duration_us IS NULL, 255, toUInt8(floor(log2(greatest(duration_us, 1))))))) AS all_durations, groupArray(assumeNotNull(if(connect_us IS NULL, 255, toUInt8(floor(log2(greatest(connect_us, 1))))))) AS all_connects
                FROM tcpledger.connections FINAL
                WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin(due))
                GROUP BY ALL
            )
        )
        UNION ALL
        SELECT bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, durations, connects, false AS fresh
        FROM tcpledger.closes_1m FINAL
        WHERE bucket IN (SELECT arrayJoin(due)) AND endings > 0
    )
)
GROUP BY bucket, minute, cause, role, service_port, initiator, reset, owner_comm, service
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes closes_1m where connections got rows (edition 2, text 662cab45d182)';
