CREATE OR REPLACE VIEW tcpledger.retransmissions AS
WITH
    {from:DateTime64(6, 'UTC')} AS since, {to:DateTime64(6, 'UTC')} AS until,
    since - toIntervalSecond(130) AS earliest, -- the longest retransmission timeout is two minutes
    toUInt32(2147483648) AS half,
    sent AS
    (
        SELECT (host, boot_id, session, stream, seq) AS id, at, (host, boot_id) AS boot, netns_cookie, local_ip, local_port, remote_ip, remote_port,
            packet_seq, toUInt32(packet_seq + length + bitTest(tcp_flags, 0) + bitTest(tcp_flags, 1)) AS end_seq, clock_error_us,
            -- When it was sent the last time before: what was dropped earlier was made up for then.
            lagInFrame(at, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY host, boot_id, session, conn, local_ip, local_port, remote_ip, remote_port, packet_seq ORDER BY at
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS sent_before
        FROM tcpledger.events FINAL
        WHERE kind IN ('retransmit', 'retransmit_synack') AND packet_seq IS NOT NULL AND at >= earliest AND at < until
    ),
    dropped AS -- once for its own sequence numbers, once for those that it acknowledges
    (
        SELECT at, host, (host, boot_id) AS boot, netns_cookie, reason, direction, stack_id, clock_error_us, way.1 AS acknowledges,
            way.2 AS from_ip, way.3 AS from_port, way.4 AS to_ip, way.5 AS to_port, way.6 AS from_seq,
            toUInt32(packet_seq + length + bitTest(tcp_flags, 0) + bitTest(tcp_flags, 1)) AS end_seq
        FROM tcpledger.events FINAL
        ARRAY JOIN arrayConcat(
            [(false, if(direction = 'in', remote_ip, local_ip), if(direction = 'in', remote_port, local_port),
                if(direction = 'in', local_ip, remote_ip), if(direction = 'in', local_port, remote_port), assumeNotNull(packet_seq))],
            if(packet_ack IS NULL, [], [(true, if(direction = 'in', local_ip, remote_ip), if(direction = 'in', local_port, remote_port),
                if(direction = 'in', remote_ip, local_ip), if(direction = 'in', remote_port, local_port), assumeNotNull(packet_ack))])) AS way
        WHERE kind = 'drop' AND packet_seq IS NOT NULL AND at >= earliest AND at < until
    ),
    explained AS
    (
        SELECT s.id AS id, argMax((d.at, d.host, d.boot = s.boot, d.reason, d.direction, d.stack_id, d.acknowledges), (NOT d.acknowledges, d.at)) AS by
        FROM (SELECT * FROM sent WHERE at >= since) AS s
        INNER JOIN dropped AS d ON s.local_ip = d.from_ip AND s.local_port = d.from_port AND s.remote_ip = d.to_ip AND s.remote_port = d.to_port
        WHERE toInt64(toUnixTimestamp64Micro(s.at) - toUnixTimestamp64Micro(d.at)) BETWEEN 1 - if(s.boot = d.boot, 0, toInt64(s.clock_error_us) + d.clock_error_us) AND 130000000
            AND toUnixTimestamp64Micro(d.at) + if(s.boot = d.boot, 0, toInt64(s.clock_error_us) + d.clock_error_us) >= toUnixTimestamp64Micro(s.sent_before)
            AND if(d.acknowledges, toUInt32(d.from_seq - s.end_seq) < half,
                toUInt32(d.from_seq - assumeNotNull(s.packet_seq)) < greatest(toUInt32(s.end_seq - assumeNotNull(s.packet_seq)), 1)
                OR toUInt32(assumeNotNull(s.packet_seq) - d.from_seq) < greatest(toUInt32(d.end_seq - d.from_seq), 1))
            AND (NOT (startsWith(toString(remote_ip), '::ffff:127.') OR remote_ip = toIPv6('::1')) OR s.boot = d.boot AND s.netns_cookie = d.netns_cookie)
        GROUP BY id
    )
SELECT e.at AS at, e.kind AS kind, e.host AS host, e.boot_id AS boot_id, e.session AS session, e.stream AS stream, e.seq AS seq, e.conn AS conn, e.netns_cookie AS netns_cookie,
    e.local_ip AS local_ip, e.local_port AS local_port, e.remote_ip AS remote_ip, e.remote_port AS remote_port, e.service_port AS service_port, e.role AS role,
    e.owner_comm AS owner_comm, e.state AS state, e.reason AS why, e.error AS error, e.packet_seq AS packet_seq, e.length AS length, e.weight AS weight,
    multiIf(e.packet_seq IS NULL, 'not known: the agent is older', x.by.2 = '', 'no drop seen',
        x.by.7 AND x.by.3, 'its acknowledgement was dropped on this host', x.by.7, 'its acknowledgement was dropped on another host',
        x.by.3, 'dropped on this host', 'dropped on another host') AS explained,
    x.by.3 AS dropped_here, if(x.by.2 = '', NULL, x.by.1) AS drop_at, toString(x.by.2) AS drop_host, toString(x.by.4) AS drop_reason, toString(x.by.5) AS drop_direction, x.by.6 AS drop_stack_id
FROM (SELECT * FROM tcpledger.events FINAL WHERE kind IN ('retransmit', 'retransmit_synack') AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}) AS e
LEFT JOIN explained AS x ON x.id = (e.host, e.boot_id, e.session, e.stream, e.seq)
COMMENT 'Each packet that was sent again from one time to another, with the drop that it makes up for, if a host of the ledger saw one (edition 1, text b0a690c0a6e2)';
