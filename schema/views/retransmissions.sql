-- SPDX-License-Identifier: Apache-2.0
-- edition 2: Each packet that was sent again from one time to another, with the drop that it makes up for, if a host of the ledger saw one
--
-- A drop explains a packet if it is of the same addresses and sequence numbers, since the packet was sent the last time: of the packet itself, or of
-- an acknowledgement for it. docs/retransmits.md has the columns, and why a drop may be missing. Packets meet drops of their own 64 KiB of
-- sequence numbers only, and the last dropped acknowledgement before them: a connection may have a million of either.
WITH
    {from:DateTime64(6, 'UTC')} AS since, {to:DateTime64(6, 'UTC')} AS until,
    since - toIntervalSecond(130) AS earliest, -- the longest retransmission timeout is two minutes
    toUInt32(2147483648) AS half,
    (seq_, length_) -> arrayMap(i -> toUInt16(bitShiftRight(seq_, 16) + i), -- the 64 KiB that a packet has bytes of; no packet has more than 512 KiB
        range(least(bitShiftRight(bitAnd(seq_, 65535) + toUInt64(greatest(length_, 1)) - 1, 16) + 1, 9))) AS buckets,
    sent AS
    (
        SELECT (host, boot_id, session, stream, seq) AS id, at, toUnixTimestamp64Micro(at) AS us, (toString(host), boot_id) AS boot, toInt64(clock_error_us) AS off_us,
            if({loopback remote_ip}, cityHash64(host, boot_id, netns_cookie), 0) AS place, local_ip, local_port, remote_ip, remote_port,
            assumeNotNull(packet_seq) AS from_seq, toUInt32(length + bitTest(tcp_flags, 0) + bitTest(tcp_flags, 1)) AS numbers,
            -- When it was sent the last time before: what was dropped earlier was made up for then.
            lagInFrame(us, 1, 0) OVER (PARTITION BY host, boot_id, session, conn, local_ip, local_port, remote_ip, remote_port, packet_seq ORDER BY at
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before_us
        FROM {db}.events FINAL
        WHERE kind IN ('retransmit', 'retransmit_synack') AND packet_seq IS NOT NULL AND at >= earliest AND at < until
    ),
    dropped AS
    (
        SELECT toUnixTimestamp64Micro(at) AS us, (toString(host), boot_id) AS boot, toInt64(clock_error_us) AS off_us,
            if({loopback remote_ip}, cityHash64(host, boot_id, netns_cookie), 0) AS place,
            direction = 'in' AS came, if(came, remote_ip, local_ip) AS from_ip, if(came, remote_port, local_port) AS from_port,
            if(came, local_ip, remote_ip) AS to_ip, if(came, local_port, remote_port) AS to_port,
            assumeNotNull(packet_seq) AS from_seq, toUInt32(length + bitTest(tcp_flags, 0) + bitTest(tcp_flags, 1)) AS numbers, packet_ack,
            (at, toString(host), stream, seq, toString(reason), toString(direction), stack_id) AS known
        FROM {db}.events FINAL
        WHERE kind = 'drop' AND packet_seq IS NOT NULL AND at >= earliest AND at < until
    ),
    itself AS -- the packet was dropped
    (
        SELECT s.id AS id, max((d.known, d.boot = s.boot)) AS by
        FROM (SELECT *, bucket FROM sent ARRAY JOIN buckets(from_seq, numbers) AS bucket WHERE at >= since) AS s
        INNER JOIN (SELECT *, bucket FROM dropped ARRAY JOIN buckets(from_seq, numbers) AS bucket) AS d
            ON s.local_ip = d.from_ip AND s.local_port = d.from_port AND s.remote_ip = d.to_ip AND s.remote_port = d.to_port AND s.place = d.place AND s.bucket = d.bucket
        WHERE s.us - d.us BETWEEN 1 - if(s.boot = d.boot, 0, s.off_us + d.off_us) AND 130000000
            AND d.us + if(s.boot = d.boot, 0, s.off_us + d.off_us) >= s.before_us
            AND (toUInt32(d.from_seq - s.from_seq) < greatest(s.numbers, 1) OR toUInt32(s.from_seq - d.from_seq) < greatest(d.numbers, 1))
        GROUP BY id
    ),
    acknowledged AS -- an acknowledgement for it was dropped: acknowledgements only grow, so the last one has the most
    (
        SELECT s.id AS id, max((a.last.1, a.same)) AS by
        FROM (SELECT *, same, us + if(same, 0, off_us) AS probe_us FROM sent ARRAY JOIN [true, false] AS same WHERE at >= since) AS s
        ASOF INNER JOIN
        (
            SELECT w.local_ip AS local_ip, w.local_port AS local_port, w.remote_ip AS remote_ip, w.remote_port AS remote_port, w.place AS place, w.boot AS boot, d.boot = w.boot AS same,
                d.us + 1 - if(same, 0, d.off_us) AS probe_us, max((d.known, d.us, d.off_us, assumeNotNull(d.packet_ack))) AS last
            FROM (SELECT * FROM dropped WHERE packet_ack IS NOT NULL) AS d
            INNER JOIN (SELECT DISTINCT local_ip, local_port, remote_ip, remote_port, place, boot FROM sent) AS w
                ON w.local_ip = d.to_ip AND w.local_port = d.to_port AND w.remote_ip = d.from_ip AND w.remote_port = d.from_port AND w.place = d.place
            GROUP BY local_ip, local_port, remote_ip, remote_port, place, boot, same, probe_us
        ) AS a ON s.local_ip = a.local_ip AND s.local_port = a.local_port AND s.remote_ip = a.remote_ip AND s.remote_port = a.remote_port AND s.place = a.place
            AND s.boot = a.boot AND s.same = a.same AND s.probe_us >= a.probe_us
        WHERE s.us - a.last.2 <= 130000000 AND a.last.2 + if(s.same, 0, s.off_us + a.last.3) >= s.before_us AND toUInt32(a.last.4 - s.from_seq - s.numbers) < half
        GROUP BY id
    ),
    explained AS
    (
        SELECT id, argMax((by, acknowledges), NOT acknowledges) AS by
        FROM (SELECT id, by, false AS acknowledges FROM itself UNION ALL SELECT id, by, true AS acknowledges FROM acknowledged)
        GROUP BY id
    )
SELECT e.at AS at, e.kind AS kind, e.host AS host, e.boot_id AS boot_id, e.session AS session, e.stream AS stream, e.seq AS seq, e.conn AS conn, e.netns_cookie AS netns_cookie,
    e.local_ip AS local_ip, e.local_port AS local_port, e.remote_ip AS remote_ip, e.remote_port AS remote_port, e.service_port AS service_port, e.role AS role,
    e.owner_comm AS owner_comm, e.state AS state, e.reason AS why, e.error AS error, e.packet_seq AS packet_seq, e.length AS length, e.weight AS weight,
    multiIf(e.packet_seq IS NULL, 'not known: the agent is older', x.by.1.1.2 = '', 'no drop seen',
        x.by.2 AND x.by.1.2, 'its acknowledgement was dropped on this host', x.by.2, 'its acknowledgement was dropped on another host',
        x.by.1.2, 'dropped on this host', 'dropped on another host') AS explained,
    x.by.1.2 AS dropped_here, if(x.by.1.1.2 = '', NULL, x.by.1.1.1) AS drop_at, x.by.1.1.2 AS drop_host, x.by.1.1.5 AS drop_reason, x.by.1.1.6 AS drop_direction, x.by.1.1.7 AS drop_stack_id
FROM (SELECT * FROM {db}.events FINAL WHERE kind IN ('retransmit', 'retransmit_synack') AND {window of at}) AS e
LEFT JOIN explained AS x ON x.id = (e.host, e.boot_id, e.session, e.stream, e.seq)
