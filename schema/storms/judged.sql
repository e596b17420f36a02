-- SPDX-License-Identifier: Apache-2.0
-- The newest minutes: what is expected of each kind at the load of the minute, and the limit beyond which it departs from all its pasts.
-- More connections make more of each ending, so a past is scaled up to the load; its bursts are not: what restarts everything makes load,
-- too. A storm that goes on is held to the hour before it.
SELECT what, minute, any(n) AS n, max(limit_of) AS most, argMax(level, limit_of) AS expected, argMax(load, limit_of) AS load_then, argMax(name, limit_of) AS against
FROM
(
    SELECT what, minute, n, name, old AND name = 'hour' AS kept, if(kept, going_on.7, pasts.load) AS load,
        if(load = 0, 1, greatest(1, (loads - if(what IN {own load}, n, 0) + 1) / load)) AS scale, scale * if(kept, going_on.5, pasts.expected) AS level,
        sqrt(pow(scale * spread, 2) + level + level * level / (pasts.expected * watched + 1)) AS deviation,
        if(kept, scale * (going_on.5 + going_on.6) / 2, greatest(level + {deviations} * greatest(deviation, {floor}), {least ratio} * level, {least ratio} * peak + {deviations} * {floor})) AS limit_of
    FROM
    (
        SELECT what, minute, judged AS n, sumIf(judged, what = 'load') OVER (PARTITION BY minute) AS loads, arrayFirst(g -> g.1 = what, going) AS going_on, going_on.1 != '' AS old
        FROM {db}.signals_1m{local} FINAL
        WHERE minute >= since AND minute <= newest
    ) AS minutes
    INNER JOIN
    (
        {pasts}
    ) AS pasts USING (what)
)
GROUP BY what, minute
HAVING has(groupArray(name), 'hour') AND (what != 'endings' OR length(groupArray(name)) > 1)
