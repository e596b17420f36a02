CREATE OR REPLACE MATERIALIZED VIEW tcpledger.numbers_1h_refresh
REFRESH EVERY 2 MINUTE APPEND TO tcpledger.numbers_1h AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfHour(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('connections', 'events', 'numbers_1h')
            UNION ALL
            SELECT hour, toDateTime64(0, 3, 'UTC'), last FROM (SELECT hour, max(made_at) AS last FROM tcpledger.numbers_1h WHERE hour IN (SELECT toStartOfHour(bucket) FROM tcpledger.touched WHERE source IN ('connections', 'events', 'numbers_1h')) GROUP BY hour SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND AND unit <= now() - INTERVAL 62 MINUTE
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 3
    )
) AS due
SELECT hour, host, boot_id, session, stream,
    sumIf(numbers, fresh = recount) AS numbers,
    sumIf(connections, fresh = recount) AS connections,
    sumIf(events, fresh = recount) AS events,
    sumIf(shown, fresh = recount) AS shown,
    sumIf(checksum, fresh = recount) AS checksum,
    groupArrayArrayIf(lows, fresh = recount) AS lows,
    groupArrayArrayIf(highs, fresh = recount) AS highs,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(numbers, fresh) OVER (PARTITION BY hour) >= sumIf(numbers, NOT fresh) OVER (PARTITION BY hour) AS recount
    FROM
    (
        SELECT hour, host, boot_id, session, stream, numbers, connections, events, shown, checksum, lows, highs, true AS fresh
        FROM
        (
            SELECT hour, host, boot_id, session, stream, sum(in_both) AS numbers, sum(in_connections) AS connections, sum(in_events) AS events,
                sum(rows) AS shown, sum(hashes) AS checksum, arraySort(arrayFlatten(groupArray(first))) AS lows, arraySort(arrayFlatten(groupArray(last))) AS highs
            FROM
            (
                SELECT hour, host, boot_id, session, stream, part, rows, hashes, in_connections, in_events, in_both,
                    bitShiftLeft(part, 16) AS base, bitmapMin(bits) AS lowest, bitmapMax(bits) AS highest, in_both = highest - lowest + 1 AS solid,
                    arraySort(bitmapToArray(bitmapSubsetInRange(bits, 0, toUInt32(if(solid, 0, 65536))))) AS held, arrayDifference(held) AS steps,
                    arrayMap(n -> base + n, if(solid, [lowest], arrayFilter((n, step) -> step != 1, held, steps))) AS first,
                    arrayMap(n -> base + n, if(solid, [highest], arrayFilter((n, step) -> step != 1, held, arraySlice(arrayPushBack(steps, 0), 2)))) AS last
                FROM
                (
                    SELECT hour, host, boot_id, session, stream, part, sum(n) AS rows, sum(hash) AS hashes,
                        bitmapCardinality(groupBitmapMergeStateIf(state, source = 0)) AS in_connections,
                        bitmapCardinality(groupBitmapMergeStateIf(state, source = 1)) AS in_events,
                        groupBitmapMergeState(state) AS bits, bitmapCardinality(bits) AS in_both
                    FROM
                    (
                        SELECT 0 AS source, toStartOfHour(closed_at) AS hour, host, boot_id, session, stream, bitShiftRight(seq, 16) AS part, count() AS n,
                            sum(cityHash64(boot_id, session, stream, seq)) AS hash, groupBitmapState(toUInt32(bitAnd(seq, 65535))) AS state
                        FROM tcpledger.connections FINAL
                        WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                        GROUP BY hour, host, boot_id, session, stream, part
                        UNION ALL
                        SELECT 1 AS source, toStartOfHour(at) AS hour, host, boot_id, session, stream, bitShiftRight(seq, 16) AS part, count() AS n,
                            sum(cityHash64(boot_id, session, stream, seq)) AS hash, groupBitmapState(toUInt32(bitAnd(seq, 65535))) AS state
                        FROM tcpledger.events FINAL
                        WHERE toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                        GROUP BY hour, host, boot_id, session, stream, part
                    )
                    GROUP BY hour, host, boot_id, session, stream, part
                )
            )
            GROUP BY hour, host, boot_id, session, stream
        )
        UNION ALL
        SELECT hour, host, boot_id, session, stream, numbers, connections, events, shown, checksum, lows, highs, false AS fresh
        FROM tcpledger.numbers_1h FINAL
        WHERE hour IN (SELECT arrayJoin(due)) AND numbers > 0
    )
)
GROUP BY hour, host, boot_id, session, stream
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes numbers_1h where connections or events got rows (edition 1, text dde696e29a4c)';
