CREATE OR REPLACE VIEW tcpledger.q_tuple_history AS
SELECT moment AS at, host, netns_cookie, what, why, conn, local, remote, owner, state, bytes
FROM
(
    SELECT closed_at AS moment, host, netns_cookie, 'ended' AS what, if(reset = 'none', toString(cause), concat(cause, ', reset ', reset)) AS why, conn,
        concat(replaceRegexpOne(toString(local_ip), '^::ffff:(\\d+\\.)', '\\1'), ' ', toString(local_port)) AS local,
        concat(replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1'), ' ', toString(remote_port)) AS remote,
        owner_comm AS owner, last_state AS state, bytes_sent + bytes_received AS bytes, session, stream, seq
    FROM tcpledger.connections FINAL
    WHERE (toStartOfFiveMinutes(closed_at), host, cgroup_id, conn) GLOBAL IN
        (
            SELECT toStartOfFiveMinutes(closed_at), host, cgroup_id, conn FROM tcpledger.connections
            WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
                AND (remote_ip = toIPv6({ip:String}) AND remote_port = {port:UInt16} OR local_ip = toIPv6({ip:String}) AND local_port = {port:UInt16})
            SETTINGS final = 0
        )
        AND closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
        AND (remote_ip = toIPv6({ip:String}) AND remote_port = {port:UInt16} OR local_ip = toIPv6({ip:String}) AND local_port = {port:UInt16})
    UNION ALL
    SELECT at AS moment, host, netns_cookie, kind AS what, if(reason != '', reason, error) AS why, conn,
        concat(replaceRegexpOne(toString(local_ip), '^::ffff:(\\d+\\.)', '\\1'), ' ', toString(local_port)) AS local,
        concat(replaceRegexpOne(toString(remote_ip), '^::ffff:(\\d+\\.)', '\\1'), ' ', toString(remote_port)) AS remote,
        owner_comm AS owner, state, length AS bytes, session, stream, seq
    FROM tcpledger.events FINAL
    WHERE (toStartOfFiveMinutes(at), host, cgroup_id, conn) GLOBAL IN
        (
            SELECT toStartOfFiveMinutes(at), host, cgroup_id, conn FROM tcpledger.events
            WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}
                AND (remote_ip = toIPv6({ip:String}) AND remote_port = {port:UInt16} OR local_ip = toIPv6({ip:String}) AND local_port = {port:UInt16})
            SETTINGS final = 0
        )
        AND at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')}
        AND (remote_ip = toIPv6({ip:String}) AND remote_port = {port:UInt16} OR local_ip = toIPv6({ip:String}) AND local_port = {port:UInt16})
)
ORDER BY at, host, session, stream, seq
COMMENT 'What happened to the connections of one address and port? (edition 3, text d79122a2fda8)';
