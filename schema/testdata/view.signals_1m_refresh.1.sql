CREATE OR REPLACE MATERIALIZED VIEW tcpledger.signals_1m_refresh
REFRESH EVERY 20 SECOND APPEND TO tcpledger.signals_1m AS
WITH toDateTime(now(), 'UTC') AS moment,
toStartOfMinute(moment) AS newest,
newest - INTERVAL 15 MINUTE AS since,
since - INTERVAL 1 HOUR AS before,
(
SELECT groupArray(host) FROM
(
    SELECT host FROM tcpledger.checkpoints
    WHERE toStartOfHour(at) >= toStartOfHour(before) AND at >= before AND at < newest + INTERVAL 1 MINUTE
    GROUP BY host
    HAVING min(at) > before + INTERVAL 5 MINUTE
)
) AS young,
(
SELECT mapFromArrays(groupArray(key), groupArray((low, high))) FROM
(
    SELECT concat(role, ' ', toString(service_port)) AS key,
        mapFilter((power, n) -> power < 255, sumMap(durations)) AS known,
        arraySort(mapKeys(known)) AS powers,
        arrayCumSum(arrayMap(power -> known[power], powers)) AS reached,
        powers[arrayFirstIndex(n -> n * 50 > reached[-1], reached)] AS low,
        powers[arrayFirstIndex(n -> (reached[-1] - n) * 50 <= reached[-1], reached)] AS high
    FROM
    (
        SELECT role, service_port, durations FROM tcpledger.closes_1h FINAL
        WHERE hour >= newest - INTERVAL 1 DAY AND hour < toStartOfHour(since) AND endings > 0 AND role != 'unknown' AND cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed')
        UNION ALL
        SELECT role, service_port, durations FROM tcpledger.closes_1m FINAL
        WHERE bucket >= before - INTERVAL 5 MINUTE AND minute >= before AND minute < since AND endings > 0 AND role != 'unknown' AND cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed')
    )
    GROUP BY role, service_port
    HAVING length(reached) > 0 AND reached[-1] >= 100
)
) AS cuts
SELECT minute, sign.1 AS what, toUInt64(sumIf(sign.2, NOT young_host)) AS n, toUInt64(greatest(n - sumIf(sign.2, young_host), 0)) AS judged, now64(3, 'UTC') AS made_at FROM
(
    SELECT minute, arrayJoin(arrayFilter(s -> s.2 > 0, [(toString(cause), counted), ('failed_connects', if(cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port'), counted, 0)), ('early_closes', early), ('late_closes', late), ('endings', counted), ('load', if(cause IN ('local_close', 'peer_close', 'local_shutdown'), counted, 0))])) AS sign, false AS young_host FROM
    (
        SELECT minute, cause, toInt64(weight) AS counted, cuts[concat(role, ' ', toString(service_port))] AS cut, cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed') OR cut.2 = 0 AS unjudged,
            if(unjudged, 0, toInt64(arraySum(mapValues(mapFilter((power, n) -> power < cut.1, durations))))) AS early,
            if(unjudged, 0, toInt64(arraySum(mapValues(mapFilter((power, n) -> power > cut.2 AND power < 255, durations))))) AS late
        FROM tcpledger.closes_1m FINAL
        WHERE bucket >= since - INTERVAL 5 MINUTE AND minute >= since AND minute <= newest AND endings > 0
    )
    UNION ALL
    SELECT minute, (toString(kind), toInt64(weight)) AS sign, false AS young_host FROM tcpledger.events_1m FINAL
    WHERE bucket >= since - INTERVAL 5 MINUTE AND minute >= since AND minute <= newest AND kind IN ('reset_sent', 'reset_received', 'drop') AND events > 0
    UNION ALL
    SELECT minute, sign, true AS young_host FROM
    (
        SELECT toStartOfMinute(closed_at) AS minute, arrayJoin(arrayFilter(s -> s.2 > 0, [(toString(cause), counted), ('failed_connects', if(cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port'), counted, 0)), ('early_closes', early), ('late_closes', late), ('endings', counted), ('load', if(cause IN ('local_close', 'peer_close', 'local_shutdown'), counted, 0))])) AS sign FROM
        (
            SELECT closed_at, cause, toInt64(weight) AS counted, if(cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed') AND role != 'unknown' AND ifNull(floor(log2(greatest(duration_us, 1))), 255) < cuts[concat(role, ' ', toString(service_port))].1, counted, 0) AS early, if(cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed') AND role != 'unknown' AND cuts[concat(role, ' ', toString(service_port))].2 > 0 AND ifNull(floor(log2(greatest(duration_us, 1))), 0) > cuts[concat(role, ' ', toString(service_port))].2, counted, 0) AS late FROM tcpledger.connections
            WHERE toStartOfFiveMinutes(closed_at) >= since - INTERVAL 5 MINUTE AND closed_at >= since AND closed_at < newest + INTERVAL 1 MINUTE AND host IN (SELECT arrayJoin(young))
        )
    )
    UNION ALL
    SELECT toStartOfMinute(at) AS minute, (toString(kind), toInt64(weight)) AS sign, true AS young_host FROM tcpledger.events
    WHERE toStartOfFiveMinutes(at) >= since - INTERVAL 5 MINUTE AND at >= since AND at < newest + INTERVAL 1 MINUTE AND host IN (SELECT arrayJoin(young)) AND kind IN ('reset_sent', 'reset_received', 'drop')
    UNION ALL
    SELECT toStartOfMinute(at) AS minute, ('watched', toInt64(uniqExact(host))) AS sign, false AS young_host FROM tcpledger.checkpoints
    WHERE toStartOfHour(at) >= toStartOfHour(since) AND at >= since AND at < newest + INTERVAL 1 MINUTE
    GROUP BY minute
)
GROUP BY minute, what
HAVING n > 0
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Counts what storms are made of in the newest minutes (edition 1, text 14a8060375a9)';
