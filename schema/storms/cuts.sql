-- SPDX-License-Identifier: Apache-2.0
-- Of each service the powers of two of a duration below and above which fewer than 2 % of its connections ended: in the last day,
-- as far as its hours are summed up, and in the hour before.
SELECT mapFromArrays(groupArray(key), groupArray((low, high))) FROM
(
    SELECT concat(role, ' ', toString(service_port)) AS key,
        mapFilter((power, n) -> power < 255, sumMap(durations)) AS known,
        arraySort(mapKeys(known)) AS powers,
        arrayCumSum(arrayMap(power -> known[power], powers)) AS reached,
        powers[arrayFirstIndex(n -> n * 50 > reached[-1], reached)] AS low,
        powers[arrayFirstIndex(n -> (reached[-1] - n) * 50 <= reached[-1], reached)] AS high
    FROM
    (
        SELECT role, service_port, durations FROM {db}.closes_1h{local} FINAL
        WHERE hour >= newest - INTERVAL 1 DAY AND hour < toStartOfHour(since) AND endings > 0 AND role != 'unknown' AND cause NOT IN {unmade}
        UNION ALL
        SELECT role, service_port, durations FROM {db}.closes_1m{local} FINAL
        WHERE bucket >= before - INTERVAL 5 MINUTE AND minute >= before AND minute < since AND endings > 0 AND role != 'unknown' AND cause NOT IN {unmade}
    )
    GROUP BY role, service_port
    HAVING length(reached) > 0 AND reached[-1] >= 100
)
