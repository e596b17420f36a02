-- SPDX-License-Identifier: Apache-2.0
-- The losses of the view losses, by five minutes: the loss of a checkpoint is the difference from the one before it in its
-- session, in the five minutes of the later one, so that no loss counts twice. The view counts for its window also the loss up
-- to the checkpoint after it. Each five minutes have a row that counts the hosts with a checkpoint.
SELECT bucket, host, kind, cause, sum(lost) AS records
            FROM
            (
                SELECT toStartOfFiveMinutes(at) AS bucket, host, 'numbered' AS kind, toString(cause) AS cause, lost
                FROM {db}.loss{local} FINAL
                WHERE toStartOfHour(at) IN (SELECT toStartOfHour(arrayJoin(due))) AND toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due))
                UNION ALL
                SELECT bucket, host, 'unnumbered' AS kind, total AS cause,
                    toUInt64(greatest(toInt64(plain[total]) - toInt64(if(known > 1, previous[total], if(phase = 'start', 0, plain[total]))), 0)) AS lost
                FROM
                (
                    SELECT toStartOfFiveMinutes(at) AS bucket, host, phase, totals::Map(String, UInt64) AS plain,
                        lagInFrame(plain) OVER same AS previous, row_number() OVER same AS known
                    FROM {db}.checkpoints{local} FINAL
                    WHERE toStartOfHour(at) IN (SELECT toStartOfHour(arrayJoin(due)) - 3600 * arrayJoin([0, 1]))
                    WINDOW same AS (PARTITION BY host, session ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
                )
                ARRAY JOIN mapKeys(plain) AS total
                WHERE bucket IN (SELECT arrayJoin(due))
                    AND NOT startsWith(total, 'lost_') AND total NOT IN ('stacks_taken', 'stacks_inline', 'began_before', 'repeated_records', 'settle_early')
            )
            WHERE lost > 0
            GROUP BY ALL
            UNION ALL
            SELECT bucket, '' AS host, 'hosts' AS kind, '' AS cause, uniqExactIf(reporting, reporting != '') AS records
            FROM
            (
                SELECT arrayJoin(due) AS bucket, '' AS reporting
                UNION ALL
                SELECT toStartOfFiveMinutes(at) AS bucket, toString(host) AS reporting FROM {db}.checkpoints{local}
                WHERE toStartOfHour(at) IN (SELECT toStartOfHour(arrayJoin(due))) AND toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due))
            )
            GROUP BY bucket
