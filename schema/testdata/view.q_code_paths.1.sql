CREATE OR REPLACE VIEW tcpledger.q_code_paths AS
SELECT if(fp = 0, stack_id, fp) AS path, sum(ended) AS endings, sumMap(by_cause) AS causes, arraySort(groupUniqArrayIf(kernel_release, kernel_release != '')) AS kernels,
    arrayStringConcat(arrayMap(s -> replaceRegexpOne(replaceRegexpOne(s, '(.)\\+[^+]*$', '\\1'), '(.)\\.(isra\\.|constprop\\.|part\\.|cold|llvm\\.|lto_priv\\.).*$', '\\1'),
        arraySlice(argMin(symbols, stack_id), 1, 12)), ' < ') AS functions
FROM
(
    SELECT stack_id, count() AS ended, sumMap(map(toString(cause), toUInt64(1))) AS by_cause FROM tcpledger.connections FINAL
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
    GROUP BY stack_id
) AS cells
LEFT JOIN
(
    SELECT stack_id, fp, symbols, kernel_release FROM tcpledger.stacks FINAL
    WHERE stack_id GLOBAL IN (SELECT stack_id FROM tcpledger.connections WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')})
) AS named USING (stack_id)
GROUP BY path
ORDER BY endings DESC, path
COMMENT 'In which kernel code paths did connections end? (edition 1, text 2497db3a52aa)';
