CREATE OR REPLACE MATERIALIZED VIEW tcpledger.causes_1m_refresh
REFRESH EVERY 30 SECOND APPEND TO tcpledger.causes_1m AS
WITH (
    SELECT groupArray(unit) FROM
    (
        SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            SELECT toStartOfFiveMinutes(bucket) AS unit, last AS noted, toDateTime64(0, 3, 'UTC') AS made FROM (SELECT bucket, max(made_at) AS last FROM tcpledger.closes_1m WHERE bucket IN (SELECT bucket FROM tcpledger.touched WHERE source IN ('connections', 'causes_1m')) GROUP BY bucket SETTINGS final = 0)
            UNION ALL
            SELECT bucket, toDateTime64(0, 3, 'UTC'), last FROM (SELECT bucket, max(made_at) AS last FROM tcpledger.causes_1m WHERE bucket IN (SELECT toStartOfFiveMinutes(bucket) FROM tcpledger.touched WHERE source IN ('connections', 'causes_1m')) GROUP BY bucket SETTINGS final = 0)
        )
        GROUP BY unit
        HAVING noted_at > made_at - INTERVAL 300 SECOND
        ORDER BY unit >= now() - INTERVAL 15 MINUTE DESC, made_at, unit
        LIMIT 96
    )
) AS due
SELECT bucket, minute, cause, initiator, reset,
    sumIf(endings, fresh = recount) AS endings,
    sumIf(weight, fresh = recount) AS weight,
    sumIf(clocks_off, fresh = recount) AS clocks_off,
    sumIf(bytes_sent, fresh = recount) AS bytes_sent,
    sumIf(bytes_received, fresh = recount) AS bytes_received,
    sumIf(bytes_unsent, fresh = recount) AS bytes_unsent,
    sumIf(bytes_unread, fresh = recount) AS bytes_unread,
    sumIf(retransmits, fresh = recount) AS retransmits,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, sumIf(endings, fresh) OVER (PARTITION BY bucket) >= sumIf(endings, NOT fresh) OVER (PARTITION BY bucket) AS recount
    FROM
    (
        SELECT bucket, minute, cause, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, true AS fresh
        FROM
        (
            SELECT bucket, minute, cause, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits FROM
            (
                SELECT bucket, minute, cause, initiator, reset, sum(endings) AS endings, sum(weight) AS weight, sum(clocks_off) AS clocks_off, sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received, sum(bytes_unsent) AS bytes_unsent, sum(bytes_unread) AS bytes_unread, sum(retransmits) AS retransmits
                FROM tcpledger.closes_1m FINAL
                WHERE bucket IN (SELECT arrayJoin(due))
                GROUP BY ALL
            )
        )
        UNION ALL
        SELECT bucket, minute, cause, initiator, reset, endings, weight, clocks_off, bytes_sent, bytes_received, bytes_unsent, bytes_unread, retransmits, false AS fresh
        FROM tcpledger.causes_1m FINAL
        WHERE bucket IN (SELECT arrayJoin(due)) AND endings > 0
    )
)
GROUP BY bucket, minute, cause, initiator, reset
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Computes causes_1m where connections got rows (edition 2, text 1b216b7cbaad)';
