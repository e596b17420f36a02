-- SPDX-License-Identifier: Apache-2.0
-- How many of each kind there were in each of the newest minutes, and how many without what young hosts recorded; and how many hosts
-- were watched.
SELECT minute, sign.1 AS what, toUInt64(sumIf(sign.2, NOT young_host)) AS n, toUInt64(greatest(n - sumIf(sign.2, young_host), 0)) AS judged, now64(3, 'UTC') AS made_at FROM
(
    SELECT minute, arrayJoin({of closes}) AS sign, false AS young_host FROM
    (
        SELECT minute, cause, toInt64(weight) AS counted, cuts[concat(role, ' ', toString(service_port))] AS cut, cause IN {unmade} OR cut.2 = 0 AS unjudged,
            if(unjudged, 0, toInt64(arraySum(mapValues(mapFilter((power, n) -> power < cut.1, durations))))) AS early,
            if(unjudged, 0, toInt64(arraySum(mapValues(mapFilter((power, n) -> power > cut.2 AND power < 255, durations))))) AS late
        FROM {db}.closes_1m{local} FINAL
        WHERE bucket >= since - INTERVAL 5 MINUTE AND minute >= since AND minute <= newest AND endings > 0
    )
    UNION ALL
    SELECT minute, (toString(kind), toInt64(weight)) AS sign, false AS young_host FROM {db}.events_1m{local} FINAL
    WHERE bucket >= since - INTERVAL 5 MINUTE AND minute >= since AND minute <= newest AND kind IN {kinds} AND events > 0
    UNION ALL
    SELECT minute, sign, true AS young_host FROM
    (
        SELECT toStartOfMinute(closed_at) AS minute, arrayJoin({of closes}) AS sign FROM
        (
            SELECT closed_at, cause, toInt64(weight) AS counted, if({is early}, counted, 0) AS early, if({is late}, counted, 0) AS late FROM {db}.connections{local}
            WHERE toStartOfFiveMinutes(closed_at) >= since - INTERVAL 5 MINUTE AND closed_at >= since AND closed_at < newest + INTERVAL 1 MINUTE AND host IN (SELECT arrayJoin(young))
        )
    )
    UNION ALL
    SELECT toStartOfMinute(at) AS minute, (toString(kind), toInt64(weight)) AS sign, true AS young_host FROM {db}.events{local}
    WHERE toStartOfFiveMinutes(at) >= since - INTERVAL 5 MINUTE AND at >= since AND at < newest + INTERVAL 1 MINUTE AND host IN (SELECT arrayJoin(young)) AND kind IN {kinds}
    UNION ALL
    SELECT toStartOfMinute(at) AS minute, ('watched', toInt64(uniqExact(host))) AS sign, false AS young_host FROM {db}.checkpoints{local}
    WHERE toStartOfHour(at) >= toStartOfHour(since) AND at >= since AND at < newest + INTERVAL 1 MINUTE
    GROUP BY minute
)
GROUP BY minute, what
HAVING n > 0
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
