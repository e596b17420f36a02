CREATE OR REPLACE VIEW tcpledger.conflicts AS
SELECT 'connections' AS claimed_in, host, boot_id, session, stream, seq, uniqExact(says) AS versions
FROM
(
    SELECT host, boot_id, session, stream, seq, toString(tuple(* EXCEPT (received_at, clock_off))) AS says FROM tcpledger.connections
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')} AND (host, boot_id, session, stream, seq) IN
    (
        SELECT host, boot_id, session, stream, seq FROM tcpledger.connections
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
    SELECT host, boot_id, session, stream, seq, toString(tuple(* EXCEPT (received_at, clock_off))) AS says FROM tcpledger.events
    WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND (host, boot_id, session, stream, seq) IN
    (
        SELECT host, boot_id, session, stream, seq FROM tcpledger.events
        WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}
        GROUP BY host, boot_id, session, stream, seq HAVING count() > 1
        SETTINGS final = 0
    )
    SETTINGS final = 0
)
GROUP BY host, boot_id, session, stream, seq
HAVING versions > 1
COMMENT 'Numbers of a host\'s stream that more than one differing row claims, from one time to another (edition 1, text 75ab8edc4d9d)';
