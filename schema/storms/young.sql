-- SPDX-License-Identifier: Apache-2.0
-- Hosts that were not watched an hour ago: nobody knows what is usual there, so what they record belongs to no storm yet.
SELECT groupArray(host) FROM
(
    SELECT host FROM {db}.checkpoints{local}
    WHERE toStartOfHour(at) >= toStartOfHour(before) AND at >= before AND at < newest + INTERVAL 1 MINUTE
    GROUP BY host
    HAVING min(at) > before + INTERVAL 5 MINUTE
)
