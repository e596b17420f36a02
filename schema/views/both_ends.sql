-- SPDX-License-Identifier: Apache-2.0
-- edition 3: Each connection that ended from one time to another with its other end: who moved first, and what both say together
--
-- The client's address and port name a connection on both its ends, through DNAT too; where a host's connection tracking said what
-- the other side sees, through SNAT of that host as well. The other end may have ended up to
-- so many seconds before or after the window as around says. A row with several candidates comes once for each.
-- docs/both-ends.md has the columns, the rules and the verdicts.
WITH
    {from:DateTime64(6, 'UTC')} AS since, {to:DateTime64(6, 'UTC')} AS until,
    since - toIntervalSecond({around:UInt32}) AS earliest, until + toIntervalSecond({around:UInt32}) AS latest,
    -- In microseconds. Two batches of one boot agree within a millisecond: a clock is slewed by at most 500 ppm.
    toInt64(1000) AS same_boot_us, toInt64(1000000) AS second_us, toInt64(60000000) AS minute_us, toInt64({around:UInt32}) * second_us AS around_us,
    ['retransmit_timeout', 'keepalive_timeout', 'zero_window_timeout'] AS timeouts,
    ['refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port'] AS failed,
    asked AS
    (
        SELECT (host, boot_id, session, stream, seq) AS id, closed_at, role, local_ip, local_port, remote_ip, remote_port, service_port,
            owner_comm, cause, initiator, reset, error, first_fin,
            ifNull(nat_local_ip, local_ip) AS seen_local_ip, ifNull(nat_local_port, local_port) AS seen_local_port,
            ifNull(nat_remote_ip, remote_ip) AS seen_remote_ip, ifNull(nat_remote_port, remote_port) AS seen_remote_port,
            toUnixTimestamp64Micro(closed_at) AS ended, ended - toInt64(ifNull(duration_us, ended)) AS began
        FROM {db}.connections FINAL
        WHERE closed_at >= since AND closed_at < until
    ),
    names AS -- of clients, as the rows of the window and their other sides see them
    (
        SELECT DISTINCT name.1 AS ip, name.2 AS port FROM asked
        ARRAY JOIN arrayConcat(if(role = 'server', [], [(local_ip, local_port), (seen_local_ip, seen_local_port)]),
            if(role = 'client', [], [(remote_ip, remote_port), (seen_remote_ip, seen_remote_port)])) AS name
    ),
    ends AS -- what pairs them; began is 0 if it was before the agent
    (
        SELECT (host, boot_id, session, stream, seq) AS id, (host, boot_id) AS boot, (netns, netns_cookie) AS namespace, view.1 AS side, role, cause, bytes_sent, bytes_received,
            view.2.1 AS ip, view.2.2 AS port, view.3.1 AS service_ip, view.3.2 AS service_port, view.4 AS translated,
            nat_local_ip IS NOT NULL AND NOT translated AS hidden, -- nobody sees that on another host
            toUnixTimestamp64Micro(closed_at) AS ended, ended - toInt64(ifNull(duration_us, ended)) AS began,
            toInt64(ifNull(connect_us, 0)) AS connecting, least(greatest(connecting, toInt64(ifNull(srtt_us, 0))), second_us) AS trip,
            if(clock_off, around_us, toInt64(clock_error_us)) AS wrong,
            -- The ten minutes of its life, of a server's end only those in which it began: the client lived then.
            intDiv(greatest(began - greatest(wrong, second_us), toUnixTimestamp64Micro(since) - around_us), 10 * minute_us) AS slot_from,
            intDiv(if(side = 'server' AND began > 0, began, ended + trip) + greatest(wrong, second_us), 10 * minute_us) AS slot_to,
            arrayJoin(range(toUInt64(slot_from), toUInt64(greatest(slot_from, slot_to)) + 1)) AS slot
        FROM {db}.connections FINAL
        ARRAY JOIN arrayFilter(v -> (role NOT IN ('client', 'server') OR v.1 = role) AND (NOT v.4 OR nat_local_ip IS NOT NULL), [
            ('client', (local_ip, local_port), (remote_ip, remote_port), false),
            ('server', (remote_ip, remote_port), (local_ip, local_port), false),
            ('client', (assumeNotNull(nat_local_ip), assumeNotNull(nat_local_port)), (assumeNotNull(nat_remote_ip), assumeNotNull(nat_remote_port)), true),
            ('server', (assumeNotNull(nat_remote_ip), assumeNotNull(nat_remote_port)), (assumeNotNull(nat_local_ip), assumeNotNull(nat_local_port)), true)]) AS view
        WHERE closed_at >= earliest AND closed_at < latest AND (ip, port) GLOBAL IN (SELECT ip, port FROM names)
    ),
    met AS -- pairs that can be one connection
    (
        SELECT c.id AS c_id, s.id AS s_id, c.ip AS ip, c.port AS port, c.translated OR s.translated AS translated, c.boot = s.boot AS same_boot, if(same_boot, same_boot_us, c.wrong + s.wrong) AS apart_error,
            if(same_boot, same_boot_us, greatest(apart_error, second_us)) AS slack,
            c.service_ip = s.service_ip AND c.service_port = s.service_port AS mirrored,
            startsWith(toString(c.ip), '::ffff:127.') OR c.ip = toIPv6('::1') AS loopback
        FROM (SELECT * FROM ends WHERE side = 'client') AS c
        INNER JOIN (SELECT * FROM ends WHERE side = 'server') AS s ON c.ip = s.ip AND c.port = s.port AND c.slot = s.slot
        WHERE c.id != s.id AND c.slot = greatest(c.slot_from, s.slot_from)
            -- The client began before the server's end did, and lived when that began.
            AND c.began <= if(s.began = 0, s.ended, s.began) + slack AND s.began <= c.ended + slack + greatest(c.trip, s.trip)
            AND (same_boot OR NOT c.hidden AND NOT s.hidden)
            AND (NOT loopback OR same_boot AND c.namespace = s.namespace)
            -- Two rows whose sides nobody knows pair once.
            AND (c.role != 'unknown' OR s.role != 'unknown' OR (c.service_port, c.service_ip) <= (c.port, c.ip))
            -- Without the mirrored tuple more must agree: when both began, and what each sent and the other got.
            AND (mirrored OR NOT loopback AND NOT has(failed, c.cause) AND s.bytes_received <= c.bytes_sent AND c.bytes_received <= s.bytes_sent
                AND (c.began = 0 OR s.began <= c.began + c.connecting + slack + second_us))
    ),
    paired AS -- A mirrored tuple goes before any other. A pair is sure if neither end has another candidate.
    (
        SELECT c_id, s_id, ip, port, apart_error, slack, found, greatest(count() OVER (PARTITION BY c_id), count() OVER (PARTITION BY s_id)) AS candidates
        FROM
        (
            SELECT *, min(found) OVER (PARTITION BY c_id) < 3 AS c_mirrored, min(found) OVER (PARTITION BY s_id) < 3 AS s_mirrored
            FROM
            (
                SELECT c_id, s_id, any(met.ip) AS ip, any(met.port) AS port, apart_error, slack, min(multiIf(NOT mirrored, 3, translated, 2, 1)) AS found
                FROM met GROUP BY c_id, s_id, apart_error, slack
            )
        )
        WHERE found < 3 OR NOT c_mirrored AND NOT s_mirrored
    ),
    sides AS
    (
        SELECT way.1 AS id, way.2 AS other_id, ip, port, apart_error, slack, found, candidates FROM paired ARRAY JOIN [(c_id, s_id), (s_id, c_id)] AS way
    ),
    others AS
    (
        SELECT (host, boot_id, session, stream, seq) AS id, closed_at, host, boot_id, session, stream, seq, local_ip, local_port, remote_ip, remote_port,
            owner_pid, owner_comm, k8s_pod, container_id, cause, initiator, reset, error, first_fin,
            toUnixTimestamp64Micro(closed_at) AS ended, ended - toInt64(ifNull(duration_us, ended)) AS began
        FROM {db}.connections FINAL
        ARRAY JOIN arrayConcat([(local_ip, local_port), (remote_ip, remote_port)], if(nat_local_ip IS NULL, [],
            [(assumeNotNull(nat_local_ip), assumeNotNull(nat_local_port)), (assumeNotNull(nat_remote_ip), assumeNotNull(nat_remote_port))])) AS name
        WHERE closed_at >= earliest AND closed_at < latest AND name GLOBAL IN (SELECT ip, port FROM names)
        LIMIT 1 BY id
    ),
    aliases AS -- how translated rows themselves see a client
    (
        SELECT ip, port, ip AS own_ip, port AS own_port FROM names
        UNION DISTINCT
        SELECT seen.1.1 AS ip, seen.1.2 AS port, seen.2.1 AS own_ip, seen.2.2 AS own_port FROM {db}.connections
        ARRAY JOIN [((assumeNotNull(nat_local_ip), assumeNotNull(nat_local_port)), (local_ip, local_port)),
            ((assumeNotNull(nat_remote_ip), assumeNotNull(nat_remote_port)), (remote_ip, remote_port))] AS seen
        WHERE closed_at >= earliest AND closed_at < latest AND nat_local_ip IS NOT NULL AND seen.1 GLOBAL IN (SELECT ip, port FROM names)
    ),
    resets AS -- that hosts sent, also without a socket: machine, time, tuple
    (
        SELECT aliases.ip AS ip, aliases.port AS port, groupArray(r.reset) AS sent
        FROM
        (
            SELECT name.1 AS own_ip, name.2 AS own_port, ((toString(host), boot_id), toUnixTimestamp64Micro(at), local_ip, local_port, remote_ip, remote_port) AS reset
            FROM {db}.events
            ARRAY JOIN [(local_ip, local_port), (remote_ip, remote_port)] AS name
            WHERE kind = 'reset_sent' AND at >= earliest AND at < latest
        ) AS r
        INNER JOIN aliases ON aliases.own_ip = r.own_ip AND aliases.own_port = r.own_port
        GROUP BY aliases.ip, aliases.port
    ),
    ours AS -- addresses that one host has
    (
        SELECT local_ip AS ip, any(host) AS name FROM {db}.connections
        WHERE closed_at >= earliest AND closed_at < latest AND local_ip GLOBAL IN (SELECT seen_remote_ip FROM asked)
        GROUP BY ip HAVING uniqExact(host) = 1
    ),
    both AS -- each row with its other end, and whether the host of one sent the reset that the other may have got
    (
        SELECT a.id.1 AS host, a.id.2 AS boot_id, a.id.3 AS session, a.id.4 AS stream, a.id.5 AS seq, a.closed_at AS closed_at, a.role AS role,
            a.local_ip AS local_ip, a.local_port AS local_port, a.remote_ip AS remote_ip, a.remote_port AS remote_port, a.service_port AS service_port,
            a.owner_comm AS owner_comm, a.cause AS cause, a.initiator AS initiator, a.reset AS reset, a.error AS error, a.first_fin AS first_fin,
            p.candidates AS candidates, ['', 'tuple', 'translated tuple', 'client address'][p.found + 1] AS found_by,
            if(p.candidates = 0, NULL, o.closed_at) AS other_closed_at, if(p.candidates = 0, ours.name, o.host) AS other_host,
            o.boot_id AS other_boot_id, o.session AS other_session, o.stream AS other_stream, o.seq AS other_seq,
            o.local_ip AS other_local_ip, o.local_port AS other_local_port, o.remote_ip AS other_remote_ip, o.remote_port AS other_remote_port,
            o.owner_pid AS other_owner_pid, o.owner_comm AS other_owner_comm, o.k8s_pod AS other_k8s_pod, o.container_id AS other_container_id,
            o.cause AS other_cause, o.initiator AS other_initiator, o.reset AS other_reset, o.error AS other_error, o.first_fin AS other_first_fin,
            if(p.candidates = 0, NULL, o.ended - a.ended) AS apart_us, toUInt64(p.apart_error) AS apart_error_us, p.slack AS slack,
            arrayExists(r -> r.1 = (toString(a.id.1), a.id.2) AND r.2 BETWEEN greatest(o.began, o.ended - minute_us) - p.slack AND o.ended + p.slack
                AND ((r.3, r.4, r.5, r.6) = (a.local_ip, a.local_port, a.remote_ip, a.remote_port)
                    OR (r.3, r.4, r.5, r.6) = (o.remote_ip, o.remote_port, o.local_ip, o.local_port)), resets.sent) AS this_host_sent,
            arrayExists(r -> r.1 = (toString(o.host), o.boot_id) AND r.2 BETWEEN greatest(a.began, a.ended - minute_us) - p.slack AND a.ended + p.slack
                AND ((r.3, r.4, r.5, r.6) = (o.local_ip, o.local_port, o.remote_ip, o.remote_port)
                    OR (r.3, r.4, r.5, r.6) = (a.remote_ip, a.remote_port, a.local_ip, a.local_port)), resets.sent) AS other_host_sent
        FROM asked AS a
        LEFT JOIN sides AS p ON a.id = p.id
        LEFT JOIN others AS o ON o.id = p.other_id
        LEFT JOIN resets ON resets.ip = p.ip AND resets.port = p.port
        LEFT JOIN ours ON ours.ip = a.seen_remote_ip
    )
SELECT * EXCEPT (slack, first_fin, other_first_fin, this_host_sent, other_host_sent),
    -- Without a FIN an end moved when it ended; with one, before that.
    multiIf(candidates != 1, '',
        initiator = 'local' AND other_initiator = 'peer' AND (reset = 'sent' OR other_first_fin = 'peer'), 'this',
        other_initiator = 'local' AND initiator = 'peer' AND (other_reset = 'sent' OR first_fin = 'peer'), 'other',
        other_first_fin = 'none' AND apart_us > apart_error_us, 'this', first_fin = 'none' AND -apart_us > apart_error_us, 'other', 'cannot tell') AS first,
    multiIf(candidates > 1, 'several candidates',
        candidates = 0, multiIf(
            (local_ip, local_port) = (remote_ip, remote_port), 'the socket was connected to itself',
            has(failed, cause), 'no connection came about',
            other_host != '', 'the other end has no row: it did not end yet, or nobody saw it end',
            'the other end is none of ours, or has another address here'),
        reset = 'received' AND other_reset = 'received', multiIf(
            this_host_sent AND other_host_sent, 'each end was reset by the host of the other',
            this_host_sent, 'something between them reset this end, whose host then reset the other',
            other_host_sent, 'something between them reset the other end, whose host then reset this one',
            'something between them reset both ends'),
        reset = 'received' AND other_reset = 'none', multiIf(
            other_host_sent AND apart_us <= slack, 'the other end had ended; its host reset this one',
            other_host_sent, 'the host of the other end reset this one, while the other went on',
            'something between them reset this end alone'),
        reset = 'none' AND other_reset = 'received', multiIf(
            this_host_sent AND apart_us >= -slack, 'this end had ended; its host reset the other',
            this_host_sent, 'the host of this end reset the other, while this one went on',
            'something between them reset the other end alone'),
        reset = 'sent' AND other_reset = 'received', 'this end reset the other',
        reset = 'received' AND other_reset = 'sent', 'the other end reset this one',
        reset = 'sent' AND other_reset = 'sent', 'each end reset the other',
        reset = 'sent', if(-apart_us > slack, 'the other end had ended before this one sent a reset', 'the reset of this end did not arrive'),
        other_reset = 'sent', if(apart_us > slack, 'this end had ended before the other one sent a reset', 'the reset of the other end did not arrive'),
        -- An end waited in vain if it gave up without a FIN of either side.
        has(timeouts, cause) AND first_fin = 'none' AND has(timeouts, other_cause) AND other_first_fin = 'none', 'nothing came through between them any more',
        has(timeouts, cause) AND first_fin = 'none', 'the other end ended and this one never heard of it: a timeout between them, or no way through',
        has(timeouts, other_cause) AND other_first_fin = 'none', 'this end ended and the other one never heard of it: a timeout between them, or no way through',
        initiator = 'local' AND other_initiator = 'peer', 'this end closed, the other one saw it',
        initiator = 'peer' AND other_initiator = 'local', 'the other end closed, this one saw it',
        initiator = 'local' AND other_initiator = 'local', 'each end closed before it heard of the other',
        initiator = 'peer' AND other_initiator = 'peer', 'something between them closed both ends',
        'not known') AS verdict,
    startsWith(verdict, 'something between them') AS between
FROM both
