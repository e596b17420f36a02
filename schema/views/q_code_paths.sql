-- SPDX-License-Identifier: Apache-2.0
-- edition 1: In which kernel code paths did connections end?
--
-- Endings count together whose functions are the same, on every kernel build. A stack that is not symbolized yet counts by itself,
-- and 0 are endings without a stack. functions has the innermost 12, of one of the stacks.
SELECT if(fp = 0, stack_id, fp) AS path, sum(ended) AS endings, sumMap(by_cause) AS causes, arraySort(groupUniqArrayIf(kernel_release, kernel_release != '')) AS kernels,
    arrayStringConcat(arrayMap(s -> {function of s},
        arraySlice(argMin(symbols, stack_id), 1, 12)), ' < ') AS functions
FROM
(
    SELECT stack_id, count() AS ended, {counts of cause} AS by_cause FROM {db}.connections FINAL
    WHERE {window of closed_at}
    GROUP BY stack_id
) AS cells
LEFT JOIN
(
    SELECT stack_id, fp, symbols, kernel_release FROM {db}.stacks FINAL
    WHERE stack_id GLOBAL IN (SELECT stack_id FROM {db}.connections WHERE {window of closed_at})
) AS named USING (stack_id)
GROUP BY path
ORDER BY endings DESC, path
