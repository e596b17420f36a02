-- SPDX-License-Identifier: Apache-2.0
-- The numbers of the rows of an hour, by stream. A bitmap for each 65,536 numbers holds a number once; its numbers become ranges,
-- without a look at each of them if they are one. Rows are counted as FINAL shows them: numbers that two rows of a table have make
-- shown more than connections and events together.
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
                        FROM {db}.connections{local} FINAL
                        WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                        GROUP BY hour, host, boot_id, session, stream, part
                        UNION ALL
                        SELECT 1 AS source, toStartOfHour(at) AS hour, host, boot_id, session, stream, bitShiftRight(seq, 16) AS part, count() AS n,
                            sum(cityHash64(boot_id, session, stream, seq)) AS hash, groupBitmapState(toUInt32(bitAnd(seq, 65535))) AS state
                        FROM {db}.events{local} FINAL
                        WHERE toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                        GROUP BY hour, host, boot_id, session, stream, part
                    )
                    GROUP BY hour, host, boot_id, session, stream, part
                )
            )
            GROUP BY hour, host, boot_id, session, stream
