-- SPDX-License-Identifier: Apache-2.0
-- edition 2: What was lost from one time to another, by host and cause
--
-- Numbered losses stand in loss. What was never numbered stands in checkpoints as totals that only grow: the loss of a
-- window is the difference between the last checkpoint before it and the first one at or after its end, or else its last
-- one. No loss of the window is left out; one between those checkpoints and the window counts too. A session that began in
-- the window counts from 0; a session without a checkpoint in the hour before counts from its first checkpoint in the
-- window. Totals that count no loss are left out, and lost_*, which stand as ranges of numbers.
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT host, cause, lost FROM {db}.loss FINAL WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, total AS cause, sum(greatest(toInt64(last[total]) - toInt64(base[total]), 0))::UInt64 AS records
FROM
(
    SELECT host, session,
        if(countIf(at >= {to:DateTime64(6, 'UTC')}) > 0, argMinIf(plain, at, at >= {to:DateTime64(6, 'UTC')}), argMax(plain, at)) AS last,
        multiIf(countIf(at < {from:DateTime64(6, 'UTC')}) > 0, argMaxIf(plain, at, at < {from:DateTime64(6, 'UTC')}),
            countIf(phase = 'start') > 0, map()::Map(String, UInt64), argMin(plain, at)) AS base
    FROM (SELECT *, totals::Map(String, UInt64) AS plain FROM {db}.checkpoints)
    WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND at < {to:DateTime64(6, 'UTC')} + INTERVAL 1 HOUR
    GROUP BY host, session
    HAVING min(at) < {to:DateTime64(6, 'UTC')}
)
ARRAY JOIN mapKeys(last) AS total
WHERE NOT startsWith(total, 'lost_') AND total NOT IN ('stacks_taken', 'stacks_inline', 'began_before', 'repeated_records', 'settle_early')
GROUP BY host, total
HAVING records > 0
