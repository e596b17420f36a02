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
SOURCE(CLICKHOUSE(QUERY 'SELECT stack_id, argMax(fp, frames_resolved), max(frames_resolved) AS resolved, argMax(symbols, frames_resolved), argMax(modules, frames_resolved) FROM {db}.stacks GROUP BY stack_id'))
LAYOUT(HASHED())
LIFETIME(MIN 5 MAX 15)
COMMENT 'Stacks by stack_id, symbolized: dictGet(''{db}.stack'', ''symbols'', stack_id)'`,

	// Numbered losses stand in loss; what was never numbered stands in checkpoints as totals that only grow, so that what
	// happened in a window is the difference of its ends. A session that began in the window counts from 0.
	`CREATE VIEW IF NOT EXISTS {db}.losses AS
SELECT host, 'numbered' AS kind, toString(cause) AS cause, sum(lost) AS records
FROM (SELECT * FROM {db}.loss FINAL WHERE at >= {from:DateTime64(6)} AND at < {to:DateTime64(6)})
GROUP BY host, cause
UNION ALL
SELECT host, 'unnumbered' AS kind, cause, sum(grown) AS records
FROM
(
    SELECT host, session, total.1 AS cause,
        maxIf(total.2, at < {to:DateTime64(6)}) - maxIf(total.2, at < {from:DateTime64(6)}) AS grown
    FROM {db}.checkpoints ARRAY JOIN CAST(totals, 'Array(Tuple(String, UInt64))') AS total
    WHERE at >= {from:DateTime64(6)} - INTERVAL 10 MINUTE AND at < {to:DateTime64(6)}
    GROUP BY host, session, cause
)
WHERE grown > 0
GROUP BY host, cause`,
}
