-- SPDX-License-Identifier: Apache-2.0
-- What each recent storm is made of: in its first ten minutes, against the five minutes before it. A factor explains what it has more
-- of than before, as a share of what all have more. What is rare among all endings before says more than what is common. Factors that
-- say about as much as the best one are in the order of their ranks.
SELECT began, what, arrayMap(f -> f.1, arraySlice(arraySort(f -> if(f.2 < best - {near}, (1, 0, -f.2, f.4), (0, f.3, -f.2, f.4)), parts), 1, 24)) AS factors, moment AS as_of, made_at FROM
(
    SELECT began, what, now64(3, 'UTC') AS made_at, arrayMax(f -> f.2, parts) AS best,
        groupArray(((dimension, value, toUInt64(now), share, share_before, explains), explains * (1 - likely), rank, place)) AS parts
    FROM
    (
        SELECT began, what, dimension, value, rank, now, now / all_now AS share, if(all_before = 0, 0, before_n / all_before) AS share_before,
            toFloat64(greatest(0, least(1, (now - before_n * longer) / greatest(all_now - all_before * longer, 1)))) AS explains,
            (before_n + 10 * background / greatest(all_background, 1)) / (all_before + 10) AS likely,
            row_number() OVER (PARTITION BY began, what, dimension ORDER BY explains DESC, value) AS place
        FROM
        (
            SELECT storm.1 AS what, storm.2 AS began, part.1 AS dimension, part.2 AS value, part.3 AS rank, any(dateDiff('second', storm.2, least(storm.3, storm.2 + INTERVAL 10 MINUTE)) / 300) AS longer,
                sumIf(counted, at >= storm.2) AS now, sumIf(counted, at < storm.2 AND has(signs, storm.1)) AS before_n, sumIf(counted, at < storm.2) AS background,
                sum(now) OVER (PARTITION BY began, what, dimension) AS all_now, sum(before_n) OVER (PARTITION BY began, what, dimension) AS all_before, sum(background) OVER (PARTITION BY began, what, dimension) AS all_background
            FROM
            (
                SELECT *, arrayJoin(arrayFilter(f -> at >= f.2 - INTERVAL 5 MINUTE AND at < least(f.3, f.2 + INTERVAL 10 MINUTE) AND (at < f.2 OR has(signs, f.1)), recent)) AS storm,
                    [('port', port, 1), ('service', service, 2), ('owner', owner, 3), ('host', host, 4), ('peer', peer, 5), ('path', toString(if(fp = 0, stack_id, fp)), 6), ('reason', reason, 7), ('initiator', initiator, 8)] AS parts
                FROM
                (
                    SELECT minute AS at, arrayMap(s -> s.1, {of closes}) AS signs, counted, host, port, owner, service, peer, stack_id, initiator, '' AS reason FROM
                    (
                        SELECT * EXCEPT (is_early, is_late), if(is_early, counted, 0) AS early, if(is_late, counted, 0) AS late FROM
                        (
                            SELECT toStartOfMinute(closed_at) AS minute, cause, {is early} AS is_early, {is late} AS is_late, {columns}, toString(initiator) AS initiator, sum(toInt64(weight)) AS counted
                            FROM {db}.connections{local} FINAL
                            WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin({recent buckets})) AND closed_at < newest + INTERVAL 1 MINUTE AND host NOT IN (SELECT arrayJoin(young))
                            GROUP BY ALL
                        )
                    )
                    UNION ALL
                    SELECT toStartOfMinute(at) AS minute, [toString(kind)] AS signs, sum(toInt64(weight)) AS counted, {columns}, '' AS initiator, if(reason != '', toString(reason), toString(error)) AS why
                    FROM {db}.events{local} FINAL
                    WHERE toStartOfFiveMinutes(at) IN (SELECT arrayJoin({recent buckets})) AND at < newest + INTERVAL 1 MINUTE AND host NOT IN (SELECT arrayJoin(young))
                    GROUP BY ALL
                ) AS recorded
                LEFT JOIN (SELECT stack_id, fp FROM {db}.stacks{local} FINAL WHERE notEmpty(recent)) AS named USING (stack_id)
            )
            ARRAY JOIN parts AS part
            GROUP BY what, began, dimension, value, rank
        )
        WHERE now > 0 AND value NOT IN ('', '0')
    )
    WHERE place <= 3 AND explains >= 0.05
    GROUP BY began, what
)
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
