CREATE OR REPLACE MATERIALIZED VIEW tcpledger.storms_refresh
REFRESH EVERY 20 SECOND APPEND TO tcpledger.storms AS
WITH toDateTime(now(), 'UTC') AS moment,
toStartOfMinute(moment) AS newest,
newest - INTERVAL 15 MINUTE AS since,
since - INTERVAL 1 HOUR AS before,
(
SELECT groupArray((toString(what), began, ended, minutes, expected_minute, limit_minute, load_minute, toString(against), found_at)) FROM tcpledger.storms FINAL
WHERE ended >= since AND began <= newest
) AS going
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
            SELECT what, minute, any(n) AS n, max(limit_of) AS most, argMax(level, limit_of) AS expected, argMax(load, limit_of) AS load_then, argMax(name, limit_of) AS against
FROM
(
    SELECT what, minute, n, name, old AND name = 'hour' AS kept, if(kept, going_on.7, pasts.load) AS load,
        if(load = 0, 1, greatest(1, (loads - if(what IN ('local_close', 'peer_close', 'local_shutdown', 'early_closes', 'late_closes'), n, 0) + 1) / load)) AS scale, scale * if(kept, going_on.5, pasts.expected) AS level,
        sqrt(pow(scale * spread, 2) + level + level * level / (pasts.expected * watched + 1)) AS deviation,
        if(kept, scale * (going_on.5 + going_on.6) / 2, greatest(level + 6 * greatest(deviation, 3), 1.5 * level, 1.5 * peak + 6 * 3)) AS limit_of
    FROM
    (
        SELECT what, minute, judged AS n, sumIf(judged, what = 'load') OVER (PARTITION BY minute) AS loads, arrayFirst(g -> g.1 = what, going) AS going_on, going_on.1 != '' AS old
        FROM tcpledger.signals_1m FINAL
        WHERE minute >= since AND minute <= newest
    ) AS minutes
    INNER JOIN
    (
        SELECT what, name, watched, load, greatest(toFloat64(middle), (arraySum(arraySlice(arraySort(numbers), 1, greatest(length(numbers) - 3, 1))) + 1) / length(numbers)) AS expected, 1.4826 * arrayReduce('quantileExact', arrayMap(n -> abs(toInt64(n) - toInt64(middle)), numbers)) AS spread, if(name = 'hour', arrayReverseSort(mapValues(peaks))[3], arraySort(mapValues(peaks))[intDiv(length(peaks) + 1, 2)]) AS peak
FROM
(
    SELECT what, name, peaks, watched, if(what = 'endings', 0, (loads - if(what IN ('local_close', 'peer_close', 'local_shutdown', 'early_closes', 'late_closes'), own, 0) + 1) / watched) AS load,
        arrayConcat(counts, arrayWithConstant(greatest(toInt64(watched) - toInt64(length(counts)), 0), toUInt64(0))) AS numbers,
        arrayReduce('quantileExact', numbers) AS middle
    FROM
    (
        SELECT what, name, groupArrayIf(n, known) AS counts, sum(n) AS own, maxMap(map(slot, n)) AS peaks,
            sumIf(length(counts), what = 'watched') OVER (PARTITION BY name) AS watched, sumIf(own, what = 'load') OVER (PARTITION BY name) AS loads
        FROM
        (
            SELECT what, n, true AS known, arrayJoin(arrayFilter(name -> name != '', [if(minute >= before, 'hour', ''), if(minute < before AND day <= 7, 'days', ''), if(minute < before AND day % 7 = 0, 'weeks', '')])) AS name,
                if(name = 'hour', toUInt32(toStartOfFiveMinutes(minute)), day) AS slot, toUInt32(intDiv(dateDiff('minute', minute, newest) + 35, 1440)) AS day
            FROM tcpledger.signals_1m FINAL
            WHERE minute IN (SELECT arrayJoin(arrayConcat(arrayMap(i -> before + 60 * i, range(60)), arrayFlatten(arrayMap(d -> arrayMap(i -> newest - 86400 * d - 1800 + 60 * i, range(60)), [1, 2, 3, 4, 5, 6, 7, 14, 21, 28])))))
            UNION ALL
            SELECT DISTINCT what, toUInt64(0) AS n, false AS known, arrayJoin(['hour', 'days', 'weeks']) AS name, 0 AS slot, 0 AS day
            FROM tcpledger.signals_1m WHERE minute >= since AND minute <= newest
        )
        GROUP BY what, name
    )
    WHERE watched >= 45 AND what NOT IN ('watched', 'load')
)
    ) AS pasts USING (what)
)
GROUP BY what, minute
HAVING has(groupArray(name), 'hour') AND (what != 'endings' OR length(groupArray(name)) > 1)
        )
        GROUP BY what
    )
    WHERE notEmpty(departing) OR old
)
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Finds storms: what departs from all its pasts (edition 2, text 7c55610b8bf5)';
