CREATE OR REPLACE MATERIALIZED VIEW tcpledger.promises_1h_refresh
REFRESH EVERY 2 MINUTE APPEND TO tcpledger.promises_1h AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfHour(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made FROM tcpledger.touched WHERE source IN ('losses', 'promises_1h')
            UNION ALL
            SELECT hour, toDateTime64(0, 3, 'UTC'), last FROM (SELECT hour, max(made_at) AS last FROM tcpledger.promises_1h WHERE hour IN (SELECT toStartOfHour(bucket) FROM tcpledger.touched WHERE source IN ('losses', 'promises_1h')) GROUP BY hour SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 60 SECOND AND unit <= now() - INTERVAL 62 MINUTE
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 3
    )
) AS due
SELECT hour, host, boot_id, session, streams,
    sumIf(checkpoints, fresh = recount) AS checkpoints,
    sumIf(checksum, fresh = recount) AS checksum,
    anyIf(least, fresh = recount) AS least,
    anyIf(most, fresh = recount) AS most,
    anyIf(last, fresh = recount) AS last,
    anyIf(last_at, fresh = recount) AS last_at,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(checkpoints, fresh) OVER (PARTITION BY hour) >= sumIf(checkpoints, NOT fresh) OVER (PARTITION BY hour) AS recount
    FROM
    (
        SELECT hour, host, boot_id, session, streams, checkpoints, checksum, least, most, last, last_at, true AS fresh
        FROM
        (
            SELECT hour, host, boot_id, session, streams, checkpoints, checksum, least, most, last, last_at FROM
            (
                SELECT toStartOfHour(at) AS hour, host, boot_id, session, streams, count() AS checkpoints, sum(cityHash64(boot_id, session, run, at)) AS checksum, minForEach(next_seqs) AS least, maxForEach(next_seqs) AS most, argMax(next_seqs, at) AS last, max(at) AS last_at
                FROM tcpledger.checkpoints FINAL
                WHERE toStartOfHour(at) IN (SELECT arrayJoin(due) + 300 * arrayJoin(range(12)))
                GROUP BY ALL
            )
        )
        UNION ALL
        SELECT hour, host, boot_id, session, streams, checkpoints, checksum, least, most, last, last_at, false AS fresh
        FROM tcpledger.promises_1h FINAL
        WHERE hour IN (SELECT arrayJoin(due)) AND checkpoints > 0
    )
)
GROUP BY hour, host, boot_id, session, streams
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes promises_1h where losses got rows (edition 1, text 4369f5275ced)';
