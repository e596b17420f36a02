CREATE OR REPLACE VIEW tcpledger.q_folded_stacks AS
SELECT concat(stack, ' ', toString(sum(ended))) AS folded
FROM
(
    SELECT stack_id, count() AS ended FROM tcpledger.connections FINAL
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND stack_id != 0
    GROUP BY stack_id
) AS cells
INNER JOIN
(
    SELECT stack_id, arrayStringConcat(arrayMap(s -> replaceRegexpAll(replaceRegexpOne(replaceRegexpOne(s, '(.)\\+[^+]*$', '\\1'), '(.)\\.(isra\\.|constprop\\.|part\\.|cold|llvm\\.|lto_priv\\.).*$', '\\1'),
        '[;\\s]', '_'), arrayReverse(symbols)), ';') AS stack
    FROM tcpledger.stacks FINAL
    WHERE stack_id GLOBAL IN (SELECT stack_id FROM tcpledger.connections WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')})
) AS named USING (stack_id)
GROUP BY stack
ORDER BY sum(ended) DESC, stack
COMMENT 'Which code paths did connections end in, one line each as flame graphs are made of? (edition 1, text 75da8e7fccc5)';
