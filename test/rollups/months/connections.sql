-- SPDX-License-Identifier: Apache-2.0
-- Rows {from} to {from} + {count} of a day of {rows} connections: 400 hosts, 40 services with 5 addresses each, 10,000 clients of which
-- each uses some 4 services and few are most of the traffic, a daily curve, a storm every few hours. The numbers of a stream have no gap.
INSERT INTO tcpledger.connections
(closed_at, duration_us, connect_us, host, boot_id, session, stream, seq, conn, cookie, netns, netns_cookie, flavour, local_ip, local_port, remote_ip, remote_port, service_port, role,
 cause, initiator, error, errno, reset, reset_reason, last_state, bytes_sent, bytes_received, bytes_unread, segs_in, segs_out, retransmits, srtt_us, owner_pid, owner_comm, owner_uid, owner_how, owner_exe,
 cgroup_id, cgroup_how, container_id, service, ctx_pid, ctx_comm, ctx_kind, stack_id, weight, clock_error_us, received_at)
WITH
  number / {rows:UInt64} AS u,
  u + 0.4 * sin(2 * pi() * u) / (2 * pi()) AS v,
  addMicroseconds(toDateTime64({day:String}, 6, 'UTC'), toInt64(v * 86399.9e6)) AS at,
  cityHash64(number, 1) AS r1, cityHash64(number, 2) AS r2, cityHash64(number, 3) AS r3, cityHash64(number, 4) AS r4,
  number % 400 AS h,
  intDiv(number, 400) AS of_host, intDiv(number, 6400) AS of_stream,
  bitXor(of_host % 16, cityHash64(h, of_stream) % 16) AS cpu_,
  (h * 7 + r2 % 3) % 40 AS svc,
  bitShiftRight(r2, 8) % 2 AS is_server,
  toUInt32(v * 86400) AS sec,
  intDiv(sec, 1800) AS slot,
  slot % 12 = 5 AND sec % 1800 < 240 AND svc = (slot * 11) % 40 AS stormy,
  r3 % 1000 AS c,
  multiIf(stormy AND r4 % 10 < 8, 'peer_reset', c < 450, 'local_close', c < 860, 'peer_close', c < 900, 'peer_reset', c < 930, 'process_exit', c < 950, 'close_unread_data', c < 965, 'linger_abort', c < 980, 'refused', c < 988, 'connect_timeout', c < 994, 'keepalive_timeout', c < 998, 'retransmit_timeout', 'unknown') AS cause_,
  [5432, 6379, 80, 443, 8080, 9092, 3306, 11211, 9000, 8443, 50051, 27017][svc % 12 + 1] AS port_,
  toUInt16(32768 + bitShiftRight(r4, 16) % 28000) AS eph,
  pow(bitShiftRight(r3, 20) % 1000000 / 1000000, 3) AS rank,
  cityHash64(svc, toUInt32(rank * 1000)) % 10000 AS client,
  toUInt32(167772160 + 65536 * (1 + intDiv(h, 250)) + 256 * (h % 250) + 1 + h % 3) AS my,
  toUInt32(if(is_server, 167772160 + 65536 * (20 + intDiv(client, 2500)) + 256 * (intDiv(client, 10) % 250) + client % 10, 167772160 + 65536 * 9 + 256 * svc + bitShiftRight(r3, 50) % 5)) AS peer
SELECT at, toUInt64(exp2(6 + bitShiftRight(r1, 20) % 24)) + bitShiftRight(r1, 50), if(is_server, NULL, toUInt32(100 + bitShiftRight(r2, 30) % 3000)), concat('host-', leftPad(toString(h), 3, '0')),
  toUUID(concat('00000000-0000-4000-8000-', leftPad(hex(h), 12, '0'))), 7000 + h, toUInt32(cpu_ * 4), of_stream, 1 + bitXor(of_host, cityHash64(h, intDiv(of_host, 64)) % 64), of_host + 100000, 4026531840, 1, 'tcp',
  IPv4ToIPv6(toIPv4(my)), if(is_server, port_, eph), IPv4ToIPv6(toIPv4(peer)), if(is_server, eph, port_), port_, if(is_server, 'server', 'client'),
  cause_, multiIf(cause_ IN ('local_close', 'process_exit', 'close_unread_data', 'linger_abort'), 'local', cause_ IN ('peer_close', 'peer_reset', 'refused'), 'peer', cause_ = 'unknown', 'unknown', 'kernel'),
  multiIf(cause_ = 'peer_reset', 'ECONNRESET', cause_ = 'refused', 'ECONNREFUSED', cause_ LIKE '%timeout', 'ETIMEDOUT', ''), multiIf(cause_ = 'peer_reset', 104, cause_ = 'refused', 111, cause_ LIKE '%timeout', 110, 0),
  multiIf(cause_ IN ('peer_reset', 'refused'), 'received', cause_ IN ('close_unread_data', 'linger_abort'), 'sent', 'none'), '', multiIf(cause_ = 'peer_close', 'LAST_ACK', cause_ = 'local_close', 'FIN_WAIT2', 'ESTABLISHED'),
  bitShiftRight(r2, 12) % 20000, bitShiftRight(r3, 12) % 60000, if(cause_ = 'close_unread_data', 100 + r4 % 5000, 0), 5 + r2 % 40, 5 + r3 % 40, if(r4 % 50 = 0, 1 + r1 % 5, 0), toUInt32(100 + r1 % 20000),
  toUInt32(1000 + svc * 10 + r2 % 3), ['postgres','redis-server','nginx','envoy','java','kafka','mysqld','memcached','clickhouse-serv','tomcat','grpc-server','mongod'][svc % 12 + 1], 1000, if(is_server, 'read', 'write'), concat('/usr/bin/', ['postgres','redis-server','nginx','envoy','java','kafka','mysqld','memcached','clickhouse-server','tomcat','grpc-server','mongod'][svc % 12 + 1]),
  h * 100 + svc, 'v2', '', concat('svc-', toString(svc), '.service'), if(r2 % 3 = 0, 0, toUInt32(1000 + svc)), if(r2 % 3 = 0, 'swapper/1', 'worker'), if(r2 % 3 = 0, 'softirq', 'task'),
  cityHash64(cause_, is_server, r2 % 3), 1, 120, at + INTERVAL 1 SECOND
FROM numbers({from:UInt64}, {count:UInt64})
SETTINGS max_insert_threads = 1, max_block_size = 1048576, min_insert_block_size_rows = 1000000
