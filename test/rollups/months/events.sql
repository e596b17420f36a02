-- SPDX-License-Identifier: Apache-2.0
-- Rows {from} to {from} + {count} of the day's {rows} events: resets, retransmissions, drops and errors on the same hosts, in streams of
-- their own.
INSERT INTO tcpledger.events
(at, kind, host, boot_id, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, owner_pid, owner_comm, owner_how, cgroup_id, cgroup_how, service,
 direction, state, reason, error, tcp_flags, length, weight, clock_error_us, received_at)
WITH
  number / {rows:UInt64} AS u,
  u + 0.4 * sin(2 * pi() * u) / (2 * pi()) AS v,
  addMicroseconds(toDateTime64({day:String}, 6, 'UTC'), toInt64(v * 86399.9e6)) AS at_,
  cityHash64(number, 1) AS r1, cityHash64(number, 2) AS r2, cityHash64(number, 3) AS r3,
  number % 400 AS h,
  intDiv(number, 400) AS of_host, intDiv(number, 6400) AS of_stream,
  bitXor(of_host % 16, cityHash64(h, of_stream) % 16) AS cpu_,
  (h * 7 + r2 % 3) % 40 AS svc,
  bitShiftRight(r2, 8) % 2 AS is_server,
  multiIf(r3 % 100 < 35, 'retransmit', r3 % 100 < 65, 'reset_received', r3 % 100 < 80, 'reset_sent', r3 % 100 < 92, 'drop', 'error') AS kind_,
  [5432, 6379, 80, 443, 8080, 9092, 3306, 11211, 9000, 8443, 50051, 27017][svc % 12 + 1] AS port_,
  toUInt16(32768 + bitShiftRight(r1, 16) % 28000) AS eph,
  cityHash64(svc, toUInt32(1000 * pow(bitShiftRight(r3, 20) % 1000000 / 1000000, 3))) % 10000 AS client,
  toUInt32(167772160 + 65536 * (1 + intDiv(h, 250)) + 256 * (h % 250) + 1 + h % 3) AS my,
  toUInt32(if(is_server, 167772160 + 65536 * (20 + intDiv(client, 2500)) + 256 * (intDiv(client, 10) % 250) + client % 10, 167772160 + 65536 * 9 + 256 * svc + bitShiftRight(r3, 50) % 5)) AS peer
SELECT at_, kind_, concat('host-', leftPad(toString(h), 3, '0')), toUUID(concat('00000000-0000-4000-8000-', leftPad(hex(h), 12, '0'))), 7000 + h, toUInt32(cpu_ * 4 + 1), of_stream, 1 + of_host * 10,
  IPv4ToIPv6(toIPv4(my)), if(is_server, port_, eph), IPv4ToIPv6(toIPv4(peer)), if(is_server, eph, port_), port_, if(is_server, 'server', 'client'),
  toUInt32(1000 + svc * 10 + r2 % 3), ['postgres','redis-server','nginx','envoy','java','kafka','mysqld','memcached','clickhouse-serv','tomcat','grpc-server','mongod'][svc % 12 + 1], if(is_server, 'read', 'write'), h * 100 + svc, 'v2', concat('svc-', toString(svc), '.service'),
  multiIf(kind_ IN ('reset_received', 'drop'), 'in', kind_ = 'error', '', 'out'), 'ESTABLISHED', multiIf(kind_ = 'drop', ['TCP_OVERWINDOW', 'NO_SOCKET', 'TCP_OLD_DATA', 'NETFILTER_DROP'][r2 % 4 + 1], kind_ = 'reset_sent', ['NOT_SPECIFIED', 'TCP_ABORT_ON_CLOSE'][r2 % 2 + 1], ''),
  if(kind_ = 'error', ['EPIPE', 'ECONNRESET', 'ETIMEDOUT'][r2 % 3 + 1], ''), multiIf(kind_ IN ('reset_received', 'reset_sent'), 20, 16), if(kind_ = 'retransmit', 1 + r1 % 1448, 0), 1, 120, at_ + INTERVAL 1 SECOND
FROM numbers({from:UInt64}, {count:UInt64})
SETTINGS max_insert_threads = 1, max_block_size = 1048576, min_insert_block_size_rows = 1000000
