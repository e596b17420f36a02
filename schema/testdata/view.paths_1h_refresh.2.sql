CREATE OR REPLACE MATERIALIZED VIEW tcpledger.paths_1h_refresh
REFRESH EVERY 2 MINUTE APPEND TO tcpledger.paths_1h AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfHour(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('connections', 'paths_1h')
            UNION ALL
            SELECT hour, toDateTime64(0, 3, 'UTC'), last FROM (SELECT hour, max(made_at) AS last FROM tcpledger.paths_1h WHERE hour IN (SELECT toStartOfHour(bucket) FROM tcpledger.touched WHERE source IN ('connections', 'paths_1h')) GROUP BY hour SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND AND unit <= now() - INTERVAL 62 MINUTE
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 3
    )
) AS due
SELECT hour, stack_id, cause, role, initiator, reset,
    sumIf(endings, fresh = recount) AS endings,
    sumIf(weight, fresh = recount) AS weight,
    sumIf(clocks_off, fresh = recount) AS clocks_off,
    sumIf(bytes_sent, fresh = recount) AS bytes_sent,
    sumIf(bytes_received, fresh = recount) AS bytes_received,
    sumIf(bytes_unsent, fresh = recount) AS bytes_unsent,
    sumIf(bytes_unread, fresh = recount) AS bytes_unread,
    sumIf(retransmits, fresh = recount) AS retransmits,
    sumMapIf(durations, fresh = recount) AS durations,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(endings, fresh) OVER (PARTITION BY hour) >= sumIf(endings, NOT fresh) OVER (PARTITION BY hour) AS recount
    FROM
    (
        SELECT hour, stack_id, cause, role, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, durations, true AS fresh
        FROM
        (
            SELECT hour, stack_id, cause, role, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, mapFromArrays(arraySort(arrayDistinct(all_durations)) AS powers_of_all_durations, arrayMap(x -> countEqual(all_durations, x), powers_of_all_durations)) AS durations FROM
            (
                SELECT toStartOfHour(closed_at) AS hour, stack_id, cause, role, initiator, reset, count() AS endings, sum(weight) AS weight, countIf(clock_off) AS clocks_off, sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received, sum(bytes_unsent) AS bytes_unsent, sum(bytes_unread) AS bytes_unread, sum(retransmits) AS retransmits, groupArray(assumeNotNull(if(duration_us IS NULL, 255, toUInt8(floor(log2(greatest(duration_us, 1))))))) AS all_durations
                FROM tcpledger.connections FINAL
                WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                GROUP BY ALL
            )
        )
        UNION ALL
        SELECT hour, stack_id, cause, role, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, durations, false AS fresh
        FROM tcpledger.paths_1h FINAL
        WHERE hour IN (SELECT arrayJoin(due)) AND endings > 0
    )
)
GROUP BY hour, stack_id, cause, role, initiator, reset
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes paths_1h where connections got rows (edition 2, text e33b1b01c940)';
