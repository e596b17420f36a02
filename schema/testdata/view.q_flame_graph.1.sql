CREATE OR REPLACE VIEW tcpledger.q_flame_graph AS
WITH cells AS
(
    SELECT functions, toInt64(sum(ended)) AS endings
    FROM
    (
        SELECT stack_id, count() AS ended FROM tcpledger.connections FINAL
        WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND stack_id != 0
        GROUP BY stack_id
    ) AS ends
    INNER JOIN
    (
        SELECT stack_id, arrayMap(s -> replaceRegexpAll(replaceRegexpOne(replaceRegexpOne(s, '(.)\\+[^+]*$', '\\1'), '(.)\\.(isra\\.|constprop\\.|part\\.|cold|llvm\\.|lto_priv\\.).*$', '\\1'), '[;\\s]', '_'), arrayReverse(symbols)) AS functions
        FROM tcpledger.stacks FINAL
        WHERE stack_id GLOBAL IN (SELECT stack_id FROM tcpledger.connections WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')})
    ) AS named USING (stack_id)
    GROUP BY functions
),
lines AS
(
    SELECT splitByChar(' ', arrayJoin(flameGraph(arrayMap(f -> bitOr(cityHash64(f), 0x8000000000000000), functions), endings))) AS line FROM cells
),
(SELECT mapFromArrays(arrayMap(f -> bitOr(cityHash64(f), 0x8000000000000000), groupUniqArrayArray(functions) AS names), names) FROM cells) AS name_of
SELECT concat(arrayStringConcat(arrayMap(address -> name_of[reinterpretAsUInt64(reverse(unhex(substring(address, 3))))], splitByChar(';', line[1])), ';'),
    ' ', line[2]) AS folded
FROM lines
ORDER BY toUInt64(line[2]) DESC, folded
COMMENT 'Which code paths did connections end in, by ClickHouse\'s own flameGraph? (edition 1, text 993179edf375)';
