-- SPDX-License-Identifier: Apache-2.0
-- Endings of a fleet from {from} for {minutes} minutes: five hosts, the last of them {own}, four services, the last of them small and on {port},
-- {rate} a minute at noon with a daily curve and less on weekends, noise as of Poisson, and a job each quarter of an hour.
-- Connections to {port} last 2^{power} microseconds at least. {paths} are the stacks of endings by cause.
INSERT INTO connections
(closed_at, duration_us, connect_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, reset,
 bytes_sent, bytes_received, owner_comm, service, stack_id, weight, received_at)
WITH
  toDateTime({from:String}, 'UTC') AS day0,
  minutes AS (
    SELECT number AS m, day0 + 60 * number AS minute, (toHour(minute) * 60 + toMinute(minute)) / 1440 AS u,
      {rate:Float64} * ({night:Float64} + (1 - {night:Float64}) * pow(sin(pi() * u), 2)) * if(toDayOfWeek(minute) > 5, 0.6, 1) AS mean,
      toUInt64(greatest(round(mean + sqrt(mean) * sqrt(-2 * log((1 + cityHash64(m, {seed:UInt64}, 1) % 1000000) / 1000001)) * cos(2 * pi() * (cityHash64(m, {seed:UInt64}, 2) % 1000000) / 1000000)), 0))
        + if(m % 15 = 7, 40, 0) AS n
    FROM numbers({minutes:UInt64})
  )
SELECT
  toDateTime64(minute, 6, 'UTC') + (r1 % 60000) / 1000 AS at,
  toUInt64(exp2(if(svc = 4, {power:Float64}, 10) + ((r2 % 97) + (bitShiftRight(r2, 20) % 89) + (bitShiftRight(r2, 40) % 101)) / 24)) AS duration,
  if(is_server, NULL, toUInt32(100 + r2 % 3000)),
  if(h = 5, {own:String}, concat('host-', toString(h))), h, 4, m * 100000 + i, m * 100000 + i + 1,
  toIPv6(concat('::ffff:10.20.', toString(h), '.1')), if(is_server, port, toUInt16(32768 + r4 % 28000)),
  toIPv6(multiIf(h = 5, concat('::ffff:10.77.0.', toString(1 + bitShiftRight(r3, 30) % 50)), is_server, concat('::ffff:10.30.', toString(bitShiftRight(r3, 20) % 40), '.', toString(1 + bitShiftRight(r3, 30) % 50)),
    concat('::ffff:10.20.', toString(1 + r3 % 5), '.1'))),
  if(is_server, toUInt16(32768 + r4 % 28000), port), port, if(is_server, 'server', 'client'),
  multiIf(job, 'process_exit', c < 478, 'local_close', c < 956, 'peer_close', c < 966, 'peer_reset', c < 976, 'process_exit', c < 984, 'close_unread_data', c < 988, 'linger_abort', c < 993, 'refused', c < 996, 'connect_timeout',
    c < 998, 'keepalive_timeout', c < 999, 'retransmit_timeout', 'unknown') AS cause_,
  multiIf(cause_ IN ('local_close', 'process_exit', 'close_unread_data', 'linger_abort'), 'local', cause_ IN ('peer_close', 'peer_reset', 'refused'), 'peer', cause_ = 'unknown', 'unknown', 'kernel'),
  multiIf(cause_ = 'peer_reset', 'ECONNRESET', cause_ = 'refused', 'ECONNREFUSED', cause_ LIKE '%timeout', 'ETIMEDOUT', ''),
  multiIf(cause_ IN ('peer_reset', 'refused'), 'received', cause_ IN ('close_unread_data', 'linger_abort'), 'sent', 'none'),
  bitShiftRight(r2, 12) % 20000, bitShiftRight(r3, 12) % 60000,
  multiIf(job, 'batch', svc = 4, if(is_server, 'act-server', 'act-client'), ['postgres', 'redis', 'api'][svc]), if(job, 'batch.service', if(svc = 4, '', concat(['postgres', 'redis', 'api'][svc], '.service'))),
  if(mapContains(paths, cause_), paths[cause_], cityHash64(cause_)), 1, at + INTERVAL 1 SECOND
FROM
(
  SELECT m, minute, arrayJoin(range(n)) AS i, cityHash64(m, i, {seed:UInt64}, 3) AS r1, cityHash64(m, i, {seed:UInt64}, 4) AS r2, cityHash64(m, i, {seed:UInt64}, 5) AS r3, cityHash64(m, i, {seed:UInt64}, 6) AS r4,
    m % 15 = 7 AND i >= n - 40 AS job, 1 + r1 % 5 AS h, if(bitShiftRight(r1, 20) % 20 = 0, 4, 1 + bitShiftRight(r1, 25) % 3) AS svc, [5432, 6379, 8080, {port:UInt16}][svc] AS port, bitShiftRight(r1, 30) % 2 AS is_server, r3 % 1000 AS c,
    {paths:Map(String, UInt64)} AS paths
  FROM minutes
)
