-- Rows that tests of cmd/tcpledger know one by one: 2026-11-02 14:00 to 14:05 UTC, hosts web-1
-- and db-2. Each connection row is inserted twice, as a replay of the topic does.

-- 6 endings by the peer, of one pod's connections to its database.
INSERT INTO connections (closed_at, duration_us, connect_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, reset, last_state, bytes_sent, bytes_received, owner_pid, owner_comm, owner_how, k8s_namespace, k8s_pod, stack_id, weight, received_at)
SELECT toDateTime64('2026-11-02 14:01:00', 6, 'UTC') + number % 6, 1000 * (number % 6 + 1), 90, 'web-1', 7, 4, number % 6, 100 + number % 6, toIPv6('10.0.0.1'), 40000 + number % 6, toIPv6('10.0.0.5'), 5432, 5432, 'client', 'peer_close', 'peer', 'none', 'LAST_ACK', 1500, 123456, 321, 'api', 'connect', 'shop', 'api-7', 11, 1, now64(6) + intDiv(number, 6)
FROM numbers(12);

-- 3 resets by the peer, in one code path seen on two kernels.
INSERT INTO connections (closed_at, duration_us, connect_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, errno, reset, last_state, bytes_sent, bytes_received, bytes_unacked, owner_pid, owner_comm, owner_how, container_id, stack_id, weight, received_at)
SELECT toDateTime64('2026-11-02 14:02:11', 6, 'UTC') + number % 3, 2500000, 120, 'web-1', 7, 5, number % 3, 200 + number % 3, toIPv6('10.0.0.1'), 443, toIPv6('2001:db8::9'), 50000 + number % 3, 443, 'server', 'peer_reset', if(number % 3 = 0, 'local', 'peer'), 'ECONNRESET', 104, 'received', 'ESTABLISHED', 9000, 700, 1448, 400, 'nginx', 'read', 'b1946ac92492d2347c6235b4d2611184', if(number % 3 = 2, 13, 12), 1, now64(6) + intDiv(number, 3)
FROM numbers(6);

-- 2 refused attempts, without a stack.
INSERT INTO connections (closed_at, duration_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, errno, reset, last_state, owner_pid, owner_comm, owner_how, service, weight, received_at)
SELECT toDateTime64('2026-11-02 14:03:30', 6, 'UTC') + number % 2, 55, 'web-1', 7, 4, 6 + number % 2, 300 + number % 2, toIPv6('10.0.0.1'), 41000 + number % 2, toIPv6('10.0.0.8'), 6379, 6379, 'client', 'refused', 'peer', 'ECONNREFUSED', 111, 'received', 'SYN_SENT', 900, 'curl', 'connect', 'cron.service', 1, now64(6) + intDiv(number, 2)
FROM numbers(4);

-- One timeout on the other host, its stack without symbols, and one ending that began before the agent and is unknown.
INSERT INTO connections (closed_at, duration_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, errno, reset, last_state, bytes_sent, retransmits, owner_comm, owner_how, stack_id, weight, received_at)
SELECT toDateTime64('2026-11-02 14:02:40', 6, 'UTC'), 924600000, 'db-2', 8, 0, 0, 1, toIPv6('10.0.1.2'), 5432, toIPv6('10.0.0.1'), 40123, 5432, 'server', 'retransmit_timeout', 'kernel', 'ETIMEDOUT', 110, 'none', 'ESTABLISHED', 5000, 15, 'postgres', 'write', 14, 1, now64(6)
FROM numbers(2);
INSERT INTO connections (closed_at, duration_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, reset, last_state, owner_how, weight, received_at)
SELECT toDateTime64('2026-11-02 14:02:50', 6, 'UTC'), NULL, 'db-2', 8, 0, 1, 2, toIPv6('10.0.1.2'), 5433, toIPv6('10.0.0.9'), 40124, 5433, 'unknown', 'unknown', 'unknown', 'none', 'LAST_ACK', 'unknown', 1, now64(6)
FROM numbers(2);

-- Outside of the window: its last microsecond is 14:04:59.999999.
INSERT INTO connections (closed_at, host, session, stream, seq, conn, cause, initiator, reset, role, weight, received_at)
VALUES ('2026-11-02 14:05:00', 'web-1', 7, 8, 0, 900, 'killed', 'local', 'none', 'client', 1, now64(6)), ('2026-11-02 13:59:59.999999', 'web-1', 7, 8, 1, 901, 'killed', 'local', 'none', 'client', 1, now64(6));

INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, offsets, modules, kernel_release, received_at) VALUES
(11, 0, 0, ['0xffffffff81a00001'], [1], ['kernel'], '6.1.0', now64(6)),
(11, 501, 6, ['tcp_set_state+0x12', 'tcp_rcv_state_process.cold+0x9', 'tcp_v4_do_rcv+0x1', 'tcp_v4_rcv+0x2', 'ip_protocol_deliver_rcu+0x3', 'handle_softirqs+0x4'], [1, 2, 3, 4, 5, 6], ['kernel', 'kernel', 'kernel', 'kernel', 'kernel', 'kernel'], '6.1.0', now64(6)),
(12, 502, 4, ['tcp_reset+0x12', 'tcp_validate_incoming.isra.0+0x9', 'tcp_v6_rcv+0x1', 'ip6_protocol_deliver_rcu+0x2'], [1, 2, 3, 4], ['kernel', 'kernel', 'kernel', 'kernel'], '6.1.0', now64(6)),
(13, 502, 4, ['tcp_reset+134', 'tcp_validate_incoming+9', 'tcp_v6_rcv+1', 'ip6_protocol_deliver_rcu+2'], [11, 12, 13, 14], ['kernel', 'kernel', 'kernel', 'kernel'], '6.12.0', now64(6));

INSERT INTO loss (at, host, session, stream, seq_from, seq_to, cause, received_at)
SELECT toDateTime64('2026-11-02 14:02:12', 6, 'UTC'), 'web-1', 7, 5, 3, 7, 'ring_full', now64(6) FROM numbers(2);

INSERT INTO checkpoints (at, host, session, run, phase, streams, next_seqs, totals, received_at) VALUES
('2026-11-02 13:59:55', 'web-1', 7, 1, 'periodic', [4, 5], [0, 0], {'own_connection': 40, 'stacks_over_budget': 0}, now64(6)),
('2026-11-02 14:04:55', 'web-1', 7, 1, 'periodic', [4, 5], [8, 8], {'own_connection': 1240, 'stacks_over_budget': 2}, now64(6)),
('2026-11-02 14:05:05', 'web-1', 7, 1, 'periodic', [4, 5], [8, 8], {'own_connection': 1300, 'stacks_over_budget': 3}, now64(6)),
('2026-11-02 13:59:58', 'db-2', 8, 1, 'start', [], [], {}, now64(6)),
('2026-11-02 14:03:10', 'db-2', 8, 1, 'periodic', [0], [2], {'own_connection': 12}, now64(6));

-- 4 drops without a socket, of which a budget skipped 6 more; one error; both in the window. One retransmission outside of it.
INSERT INTO events (at, kind, host, session, stream, seq, conn, remote_ip, reason, error, length, weight, received_at)
SELECT toDateTime64('2026-11-02 14:02:20', 6, 'UTC') + number % 4, 'drop', 'db-2', 8, 0, 2 + number % 4, 0, toIPv6('10.0.0.9'), 'NO_SOCKET', '', 0, if(number % 4 = 3, 7, 1), now64(6)
FROM numbers(8);
INSERT INTO events (at, kind, host, session, stream, seq, conn, remote_ip, reason, error, length, weight, received_at)
VALUES ('2026-11-02 14:02:11', 'error', 'web-1', 7, 8, 2, 200, toIPv6('2001:db8::9'), '', 'ECONNRESET', 0, 1, now64(6)), ('2026-11-02 14:05:00', 'retransmit', 'web-1', 7, 8, 3, 200, toIPv6('2001:db8::9'), '', '', 1448, 1, now64(6));
