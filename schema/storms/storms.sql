-- SPDX-License-Identifier: Apache-2.0
-- The storms that begin, and those that go on. A storm begins with the first minute that departs, or the one before it if that was half
-- way; it ends after the last.
SELECT what, began, ended, toUInt64(arraySum(mapValues(minutes))) AS records, expected_minute * dateDiff('minute', began, ended) AS expected, toUInt64(arrayMax(mapValues(minutes))) AS peak,
    mapUpdate(going_on.4, mapFilter((minute, n) -> minute >= began AND minute < ended, counts)) AS minutes,
    if(old, going_on.5, expected_first) AS expected_minute, if(old, going_on.6, most_first) AS limit_minute, if(old, going_on.7, load_first) AS load_minute,
    if(old, going_on.8, against_first) AS against, if(old, going_on.9, moment) AS found_at, now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, arrayFirst(g -> g.1 = what, going) AS going_on, going_on.1 != '' AS old,
        arrayMin(departing) - if(has(halfway, arrayMin(departing) - INTERVAL 1 MINUTE), 60, 0) AS first,
        if(old, going_on.2, first) AS began, greatest(going_on.3, arrayMax(departing) + INTERVAL 1 MINUTE) AS ended
    FROM
    (
        SELECT what, groupArrayIf(minute, n > most) AS departing, groupArrayIf(minute, n > (expected + most) / 2) AS halfway,
            mapFromArrays(groupArray(minute), groupArray(n)) AS counts, argMinIf(expected, minute, n > most) AS expected_first,
            argMinIf(most, minute, n > most) AS most_first, argMinIf(load_then, minute, n > most) AS load_first, argMinIf(against, minute, n > most) AS against_first
        FROM
        (
            {judged}
        )
        GROUP BY what
    )
    WHERE notEmpty(departing) OR old
)
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
