-- SPDX-License-Identifier: Apache-2.0
-- What is usual of each kind, in each past: the hour before, this hour of the last seven days, and this hour of this day of the last four
-- weeks. A burst that comes each quarter of an hour is usual, and one that comes each day: peak is the third highest of the five minutes'
-- peaks, or the median of the days'.
SELECT what, name, watched, load, {expected} AS expected, {spread} AS spread, if(name = 'hour', arrayReverseSort(mapValues(peaks))[3], arraySort(mapValues(peaks))[intDiv(length(peaks) + 1, 2)]) AS peak
FROM
(
    SELECT what, name, peaks, watched, if(what = 'endings', 0, (loads - if(what IN {own load}, own, 0) + 1) / watched) AS load,
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
            FROM {db}.signals_1m{local} FINAL
            WHERE minute IN (SELECT arrayJoin(arrayConcat(arrayMap(i -> before + 60 * i, range(60)), arrayFlatten(arrayMap(d -> arrayMap(i -> newest - 86400 * d - 1800 + 60 * i, range(60)), [1, 2, 3, 4, 5, 6, 7, 14, 21, 28])))))
            UNION ALL
            SELECT DISTINCT what, toUInt64(0) AS n, false AS known, arrayJoin(['hour', 'days', 'weeks']) AS name, 0 AS slot, 0 AS day
            FROM {db}.signals_1m{local} WHERE minute >= since AND minute <= newest
        )
        GROUP BY what, name
    )
    WHERE watched >= {least watched} AND what NOT IN ('watched', 'load')
)
