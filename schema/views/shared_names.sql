-- SPDX-License-Identifier: Apache-2.0
-- edition 2: Host names and machine ids that more than one machine had, from one time to another
--
-- A machine has one boot at a time. Boots of one name that were up at once are machines of one name; boots of one machine id that were
-- up at once are clones. at_once says how many; machine_ids says how many ids the machines of a name had, one after the other too.
-- Each boot's times follow from CLOCK_BOOTTIME and the last offset of its clock: a clock that is wrong after a start and set right
-- later makes no second machine. Boots count as up at once only if their checkpoints also came at the same time: a clock that stays
-- wrong makes none either. Clocks may be off by the slack of 5 seconds.
WITH 5000000000 AS slack, boots AS
(
    SELECT host, boot_id, argMax(clock_offset_ns, up) AS booted, min(up) AS first_up, max(up) AS last_up, min(received_at) AS heard_first, max(received_at) AS heard_last
    FROM
    (
        SELECT toString(host) AS host, boot_id, clock_offset_ns, received_at, toUnixTimestamp64Micro(at) * 1000 - clock_offset_ns AS up
        FROM {db}.checkpoints
        WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 MINUTE AND at < {to:DateTime64(6, 'UTC')} + INTERVAL 1 MINUTE
    )
    GROUP BY host, boot_id
),
machines AS
(
    SELECT boot_id, argMax(machine_id, received_at) AS machine FROM {db}.hosts WHERE machine_id IS NOT NULL GROUP BY boot_id
),
known AS
(
    SELECT host, boot_id, booted + first_up AS since_ns, booted + last_up AS until_ns, heard_first, heard_last, machine
    FROM boots LEFT JOIN machines USING (boot_id)
)
SELECT shared, name,
    least(arrayMax(arrayCumSum(e -> e.2, arraySort(e -> (e.1, e.2), ups))), arrayMax(arrayCumSum(e -> e.2, arraySort(e -> (e.1, -e.2), heards))))::UInt64 AS at_once,
    machine_ids, hosts, arrayMap(b -> b.2, arraySort(boot_list)) AS boots,
    fromUnixTimestamp64Micro(intDiv(first_ns, 1000), 'UTC') AS since, fromUnixTimestamp64Micro(intDiv(last_ns, 1000), 'UTC') AS until
FROM
(
    SELECT shared, name, uniqExact(machine) AS machine_ids, arraySort(groupUniqArray(100)(host)) AS hosts, groupArray(100)((since_ns, boot_id)) AS boot_list,
        groupArrayArray(if(until_ns - since_ns > slack, [(since_ns, 1), (until_ns - slack, -1)], [])) AS ups,
        groupArrayArray([(toUnixTimestamp64Micro(heard_first), 1), (toUnixTimestamp64Micro(heard_last) + intDiv(slack, 1000), -1)]) AS heards,
        min(since_ns) AS first_ns, max(until_ns) AS last_ns
    FROM
    (
        SELECT known.*, what.1 AS shared, what.2 AS name FROM known
        ARRAY JOIN [('name', host), ('machine_id', ifNull(toString(machine), ''))] AS what
        WHERE name != ''
        LIMIT 1 BY shared, name, boot_id
    )
    GROUP BY shared, name
    HAVING count() > 1
)
WHERE at_once > 1 OR shared = 'name' AND machine_ids > 1
ORDER BY shared DESC, at_once DESC, name
