// SPDX-License-Identifier: Apache-2.0

package schema

// views are the dictionary and the parameterised views. {db} stands for the database.
var views = []string{`CREATE DICTIONARY IF NOT EXISTS {db}.stack
(
    stack_id UInt64,
    fp UInt64,
    frames_resolved UInt16,
    symbols Array(String),
    modules Array(String)
)
PRIMARY KEY stack_id
SOURCE(CLICKHOUSE(QUERY 'SELECT stack_id, fp, frames_resolved, symbols, modules FROM {db}.stacks FINAL' INVALIDATE_QUERY 'SELECT count(), max(received_at) FROM {db}.stacks'))
LAYOUT(HASHED())
LIFETIME(MIN 2 MAX 5)
COMMENT 'Stacks by stack_id, symbolized: dictGet(''{db}.stack'', ''symbols'', stack_id)'`,

	// Numbered losses stand in loss; what was never numbered stands in checkpoints as totals that only grow, so that what
	// happened in a window is the difference of its ends. A session that began in the window counts from 0; one that was
	// not heard of for an hour counts from its first checkpoint in the window. Totals that count no loss are left out, and
	// lost_*, which stand as ranges of numbers.
	`CREATE VIEW IF NOT EXISTS {db}.losses AS
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT host, cause, lost FROM {db}.loss FINAL WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, total AS cause, sum(greatest(toInt64(last[total]) - toInt64(base[total]), 0))::UInt64 AS records
FROM
(
    SELECT host, session,
        argMax(plain, at) AS last,
        multiIf(countIf(at < {from:DateTime64(6, 'UTC')}) > 0, argMaxIf(plain, at, at < {from:DateTime64(6, 'UTC')}),
            countIf(phase = 'start') > 0, map()::Map(String, UInt64), argMin(plain, at)) AS base
    FROM (SELECT *, totals::Map(String, UInt64) AS plain FROM {db}.checkpoints)
    WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND at < {to:DateTime64(6, 'UTC')}
    GROUP BY host, session
)
ARRAY JOIN mapKeys(last) AS total
WHERE NOT startsWith(total, 'lost_') AND total NOT IN ('stacks_taken', 'stacks_inline', 'began_before', 'repeated_records', 'settle_early')
GROUP BY host, total
HAVING records > 0`,
}
