CREATE OR REPLACE VIEW tcpledger.losses AS
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT host, cause, lost FROM tcpledger.loss FINAL WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, total AS cause, sum(greatest(toInt64(last[total]) - toInt64(base[total]), 0))::UInt64 AS records
FROM
(
    SELECT host, session,
        if(countIf(at >= {to:DateTime64(6, 'UTC')}) > 0, argMinIf(plain, at, at >= {to:DateTime64(6, 'UTC')}), argMax(plain, at)) AS last,
        multiIf(countIf(at < {from:DateTime64(6, 'UTC')}) > 0, argMaxIf(plain, at, at < {from:DateTime64(6, 'UTC')}),
            countIf(phase = 'start') > 0, map()::Map(String, UInt64), argMin(plain, at)) AS base
    FROM (SELECT *, totals::Map(String, UInt64) AS plain FROM tcpledger.checkpoints)
    WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND at < {to:DateTime64(6, 'UTC')} + INTERVAL 1 HOUR
    GROUP BY host, session
    HAVING min(at) < {to:DateTime64(6, 'UTC')}
)
ARRAY JOIN mapKeys(last) AS total
WHERE NOT startsWith(total, 'lost_') AND total NOT IN ('stacks_taken', 'stacks_inline', 'began_before', 'repeated_records', 'settle_early')
GROUP BY host, total
HAVING records > 0
COMMENT 'What was lost from one time to another, by host and cause (edition 2, text 58d2892e7368)';
