CREATE OR REPLACE MATERIALIZED VIEW tcpledger.storm_factors_refresh
REFRESH EVERY 20 SECOND APPEND TO tcpledger.storm_factors AS
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
) AS cuts,
(
SELECT groupArray((toString(what), began, ended)) FROM tcpledger.storms AS s FINAL
LEFT JOIN (SELECT what, began, as_of FROM tcpledger.storm_factors FINAL) AS said USING (what, began)
WHERE began >= since AND began <= newest AND (as_of < began OR moment < as_of OR 2 * dateDiff('second', began, moment) >= 3 * dateDiff('second', began, as_of))
) AS recent
SELECT began, what, arrayMap(f -> f.1, arraySlice(arraySort(f -> if(f.2 < best - 0.15, (1, 0, -f.2, f.4), (0, f.3, -f.2, f.4)), parts), 1, 24)) AS factors, moment AS as_of, made_at FROM
(
    SELECT began, what, now64(3, 'UTC') AS made_at, arrayMax(f -> f.2, parts) AS best,
        groupArray(((dimension, value, toUInt64(now), share, share_before, explains), explains * (1 - likely), rank, place)) AS parts
    FROM
    (
        SELECT began, what, dimension, value, rank, now, now / all_now AS share, if(all_before = 0, 0, before_n / all_before) AS share_before,
            toFloat64(greatest(0, least(1, (now - before_n * longer) / greatest(all_now - all_before * longer, 1)))) AS explains,
            (before_n + 10 * background / greatest(all_background, 1)) / (all_before + 10) AS likely,
            row_number() OVER (PARTITION BY began, what, dimension ORDER BY explains DESC, value) AS place
        FROM
        (
            SELECT storm.1 AS what, storm.2 AS began, part.1 AS dimension, part.2 AS value, part.3 AS rank, any(dateDiff('second', storm.2, least(storm.3, storm.2 + INTERVAL 10 MINUTE)) / 300) AS longer,
                sumIf(counted, at >= storm.2) AS now, sumIf(counted, at < storm.2 AND has(signs, storm.1)) AS before_n, sumIf(counted, at < storm.2) AS background,
                sum(now) OVER (PARTITION BY began, what, dimension) AS all_now, sum(before_n) OVER (PARTITION BY began, what, dimension) AS all_before, sum(background) OVER (PARTITION BY began, what, dimension) AS all_background
            FROM
            (
                SELECT *, arrayJoin(arrayFilter(f -> at >= f.2 - INTERVAL 5 MINUTE AND at < least(f.3, f.2 + INTERVAL 10 MINUTE) AND (at < f.2 OR has(signs, f.1)), recent)) AS storm,
                    [('port', port, 1), ('service', service, 2), ('owner', owner, 3), ('host', host, 4), ('peer', peer, 5), ('path', toString(if(fp = 0, stack_id, fp)), 6), ('reason', reason, 7), ('initiator', initiator, 8)] AS parts
                FROM
                (
                    SELECT minute AS at, arrayMap(s -> s.1, arrayFilter(s -> s.2 > 0, [(toString(cause), counted), ('failed_connects', if(cause IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port'), counted, 0)), ('early_closes', early), ('late_closes', late), ('endings', counted), ('load', if(cause IN ('local_close', 'peer_close', 'local_shutdown'), counted, 0))])) AS signs, counted, host, port, owner, service, peer, stack_id, initiator, '' AS reason FROM
                    (
                        SELECT * EXCEPT (is_early, is_late), if(is_early, counted, 0) AS early, if(is_late, counted, 0) AS late FROM
                        (
                            SELECT toStartOfMinute(closed_at) AS minute, cause, cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed') AND role != 'unknown' AND ifNull(floor(log2(greatest(duration_us, 1))), 255) < cuts[concat(role, ' ', toString(service_port))].1 AS is_early, cause NOT IN ('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed') AND role != 'unknown' AND cuts[concat(role, ' ', toString(service_port))].2 > 0 AND ifNull(floor(log2(greatest(duration_us, 1))), 0) > cuts[concat(role, ' ', toString(service_port))].2 AS is_late, toString(host) AS host, toString(service_port) AS port, toString(owner_comm) AS owner, multiIf(service != '', toString(service), k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), toString(container_id)) AS service, replaceOne(concat(toString(IPv6CIDRToRange(remote_ip, if(startsWith(toString(remote_ip), '::ffff:'), 120, 64)).1), if(startsWith(toString(remote_ip), '::ffff:'), '/24', '/64')), '::ffff:', '') AS peer, stack_id, toString(initiator) AS initiator, sum(toInt64(weight)) AS counted
                            FROM tcpledger.connections FINAL
                            WHERE toStartOfFiveMinutes(closed_at) IN (SELECT arrayJoin(arrayDistinct(arrayFlatten(arrayMap(f -> arrayMap(i -> toStartOfFiveMinutes(f.2 - INTERVAL 5 MINUTE) + 300 * i, range(4)), recent))))) AND closed_at < newest + INTERVAL 1 MINUTE AND host NOT IN (SELECT arrayJoin(young))
                            GROUP BY ALL
                        )
                    )
                    UNION ALL
                    SELECT toStartOfMinute(at) AS minute, [toString(kind)] AS signs, sum(toInt64(weight)) AS counted, toString(host) AS host, toString(service_port) AS port, toString(owner_comm) AS owner, multiIf(service != '', toString(service), k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), toString(container_id)) AS service, replaceOne(concat(toString(IPv6CIDRToRange(remote_ip, if(startsWith(toString(remote_ip), '::ffff:'), 120, 64)).1), if(startsWith(toString(remote_ip), '::ffff:'), '/24', '/64')), '::ffff:', '') AS peer, stack_id, '' AS initiator, if(reason != '', toString(reason), toString(error)) AS why
                    FROM tcpledger.events FINAL
                    WHERE toStartOfFiveMinutes(at) IN (SELECT arrayJoin(arrayDistinct(arrayFlatten(arrayMap(f -> arrayMap(i -> toStartOfFiveMinutes(f.2 - INTERVAL 5 MINUTE) + 300 * i, range(4)), recent))))) AND at < newest + INTERVAL 1 MINUTE AND host NOT IN (SELECT arrayJoin(young))
                    GROUP BY ALL
                ) AS recorded
                LEFT JOIN (SELECT stack_id, fp FROM tcpledger.stacks FINAL WHERE notEmpty(recent)) AS named USING (stack_id)
            )
            ARRAY JOIN parts AS part
            GROUP BY what, began, dimension, value, rank
        )
        WHERE now > 0 AND value NOT IN ('', '0')
    )
    WHERE place <= 3 AND explains >= 0.05
    GROUP BY began, what
)
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
COMMENT 'Says what recent storms are made of (edition 1, text 73657329bd9f)';
