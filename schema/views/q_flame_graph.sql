-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Which code paths did connections end in, by ClickHouse's own flameGraph?
--
-- flameGraph takes addresses in the server's own program, never names. Each function goes in as a number that is no address, which
-- flameGraph writes in hex, and comes out as its name. A server asks for SETTINGS allow_introspection_functions = 1.
WITH cells AS
(
    SELECT functions, toInt64(sum(ended)) AS endings
    FROM
    (
        SELECT stack_id, count() AS ended FROM {db}.connections FINAL
        WHERE {window of closed_at} AND stack_id != 0
        GROUP BY stack_id
    ) AS ends
    INNER JOIN
    (
        SELECT stack_id, arrayMap(s -> replaceRegexpAll({function of s}, '[;\\s]', '_'), arrayReverse(symbols)) AS functions
        FROM {db}.stacks FINAL
        WHERE stack_id GLOBAL IN (SELECT stack_id FROM {db}.connections WHERE {window of closed_at})
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
