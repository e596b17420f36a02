-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Numbers of a host's stream that more than one differing row claims, from one time to another
--
-- The first row of an identity is the one that questions see. This view reads rows that are not merged yet too, so a later
-- row that differs is seen until a merge drops it; a row of the same number with another time is never dropped. It compares
-- only rows whose number comes more than once.
SELECT 'connections' AS claimed_in, host, boot_id, session, stream, seq, uniqExact(says) AS versions
FROM
(
    SELECT host, boot_id, session, stream, seq, toString(tuple(* EXCEPT (received_at, clock_off))) AS says FROM {db}.connections
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND (host, boot_id, session, stream, seq) IN
    (
        SELECT host, boot_id, session, stream, seq FROM {db}.connections
        WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
        GROUP BY host, boot_id, session, stream, seq HAVING count() > 1
        SETTINGS final = 0
    )
    SETTINGS final = 0
)
GROUP BY host, boot_id, session, stream, seq
HAVING versions > 1
UNION ALL
SELECT 'events' AS claimed_in, host, boot_id, session, stream, seq, uniqExact(says) AS versions
FROM
(
    SELECT host, boot_id, session, stream, seq, toString(tuple(* EXCEPT (received_at, clock_off))) AS says FROM {db}.events
    WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND (host, boot_id, session, stream, seq) IN
    (
        SELECT host, boot_id, session, stream, seq FROM {db}.events
        WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}
        GROUP BY host, boot_id, session, stream, seq HAVING count() > 1
        SETTINGS final = 0
    )
    SETTINGS final = 0
)
GROUP BY host, boot_id, session, stream, seq
HAVING versions > 1
