-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which code paths did connections end in, one line each as flame graphs are made of?
--
-- Outermost function first, then a blank and the number of endings: what flamegraph.pl, inferno and speedscope read. Endings without a stack are
-- left out.
SELECT concat(stack, ' ', toString(sum(ended))) AS folded
FROM
(
    SELECT stack_id, count() AS ended FROM {db}.connections FINAL
    WHERE {window of closed_at} AND stack_id != 0
    GROUP BY stack_id
) AS cells
INNER JOIN
(
    SELECT stack_id, arrayStringConcat(arrayMap(s -> replaceRegexpAll({function of s},
        '[;\\s]', '_'), arrayReverse(symbols)), ';') AS stack
    FROM {db}.stacks FINAL
    WHERE stack_id GLOBAL IN (SELECT stack_id FROM {db}.connections WHERE {window of closed_at})
) AS named USING (stack_id)
GROUP BY stack
ORDER BY sum(ended) DESC, stack
