CREATE OR REPLACE MATERIALIZED VIEW tcpledger.losses_5m_refresh
REFRESH EVERY 30 SECOND APPEND TO tcpledger.losses_5m AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfFiveMinutes(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('losses', 'losses_5m')
            UNION ALL
            SELECT bucket, toDateTime64(0, 3, 'UTC'), last FROM (SELECT bucket, max(made_at) AS last FROM tcpledger.losses_5m WHERE bucket IN (SELECT toStartOfFiveMinutes(bucket) FROM tcpledger.touched WHERE source IN ('losses', 'losses_5m')) GROUP BY bucket SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 48
    )
) AS due
SELECT bucket, host, kind, cause,
    sumIf(records, fresh = recount) AS records,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(records, fresh) OVER (PARTITION BY bucket) >= sumIf(records, NOT fresh) OVER (PARTITION BY bucket) AS recount
    FROM
    (
        SELECT bucket, host, kind, cause, records, true AS fresh
        FROM
        (
            SELECT bucket, host, kind, cause, sum(lost) AS records
            FROM
            (
                SELECT toStartOfFiveMinutes(at) AS bucket, host, 'numbered' AS kind, toString(cause) AS cause, lost
                FROM tcpledger.loss FINAL
                WHERE toStartOfHour(at) IN (SELECT toStartOfHour(arrayJoin(due))) AND toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due))
                UNION ALL
                SELECT bucket, host, 'unnumbered' AS kind, total AS cause,
                    toUInt64(greatest(toInt64(plain[total]) - toInt64(if(known > 1, previous[total], if(phase = 'start', 0, plain[total]))), 0)) AS lost
                FROM
                (
                    SELECT toStartOfFiveMinutes(at) AS bucket, host, phase, totals::Map(String, UInt64) AS plain,
                        lagInFrame(plain) OVER same AS previous, row_number() OVER same AS known
                    FROM tcpledger.checkpoints FINAL
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
                SELECT toStartOfFiveMinutes(at) AS bucket, toString(host) AS reporting FROM tcpledger.checkpoints
                WHERE toStartOfHour(at) IN (SELECT toStartOfHour(arrayJoin(due))) AND toStartOfFiveMinutes(at) IN (SELECT arrayJoin(due))
            )
            GROUP BY bucket
        )
        UNION ALL
        SELECT bucket, host, kind, cause, records, false AS fresh
        FROM tcpledger.losses_5m FINAL
        WHERE bucket IN (SELECT arrayJoin(due)) AND records > 0
    )
)
GROUP BY bucket, host, kind, cause
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes losses_5m where losses got rows (edition 2, text 061798b5c0e2)';
