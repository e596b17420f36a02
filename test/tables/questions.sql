-- Rows that let every view of a question answer, beside those of known.sql: the same five minutes and hosts.

-- nginx closes with data unread, its clients get resets; one of them had been idle for six minutes.
INSERT INTO connections (closed_at, duration_us, connect_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, reset, reset_reason, last_state, bytes_sent, bytes_received, bytes_unread, segs_out, retransmits, srtt_us, last_rx_age_ms, last_tx_age_ms, owner_pid, owner_comm, owner_how, container_id, stack_id, weight, received_at)
SELECT toDateTime64('2026-11-02 14:01:30', 6, 'UTC') + number, 400000000, 95, 'web-1', 7, 9, number, 600 + number, toIPv6('10.0.0.1'), 443, toIPv6('192.0.2.7'), 51000 + number, 443, 'server', 'close_unread_data', 'local', 'sent', 'TCP_ABORT_ON_CLOSE', 'ESTABLISHED', 1200, 5000, 700, 12, number % 2, 800, 360000 * (number = 3), 380000, 400, 'nginx', 'read', 'b1946ac92492d2347c6235b4d2611184', 15, 1, now64(6)
FROM numbers(4);
INSERT INTO events (at, kind, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, direction, state, reason, owner_comm, weight, received_at)
SELECT toDateTime64('2026-11-02 14:01:30', 6, 'UTC') + number, 'reset_sent', 'web-1', 7, 9, 4 + number, 600 + number, toIPv6('10.0.0.1'), 443, toIPv6('192.0.2.7'), 51000 + number, 443, 'server', 'out', 'CLOSE', 'TCP_ABORT_ON_CLOSE', 'nginx', 1, now64(6)
FROM numbers(4);

-- The peer's reset of the connection that known.sql has, and SYNs to a port that nobody listens on.
INSERT INTO events (at, kind, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, direction, state, reason, tcp_flags, owner_comm, weight, received_at) VALUES
('2026-11-02 14:02:10.999900', 'reset_received', 'web-1', 7, 9, 8, 200, '10.0.0.1', 443, '2001:db8::9', 50000, 443, 'server', 'in', 'ESTABLISHED', '', 0, 'nginx', 1, now64(6)),
('2026-11-02 14:03:00', 'reset_sent', 'db-2', 8, 1, 0, 0, '10.0.1.2', 5433, '10.0.0.9', 40200, 0, 'unknown', 'out', '', 'NO_SOCKET', 2, '', 1, now64(6)),
('2026-11-02 14:03:01', 'reset_sent', 'db-2', 8, 1, 1, 0, '10.0.1.2', 5433, '10.0.0.9', 40201, 0, 'unknown', 'out', '', 'NO_SOCKET', 2, '', 1, now64(6));

-- Two sockets that api never closed; one of them was seen in two states.
INSERT INTO events (at, kind, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, direction, state, state_us, owner_comm, k8s_namespace, k8s_pod, weight, received_at) VALUES
('2026-11-02 14:01:00', 'lingering', 'web-1', 7, 4294967295, 0, 500, '10.0.0.1', 40100, '10.0.0.5', 5432, 5432, 'client', 'unknown', 'CLOSE_WAIT', 61000000, 'api', 'shop', 'api-7', 1, now64(6)),
('2026-11-02 14:01:10', 'lingering', 'web-1', 7, 4294967295, 1, 501, '10.0.0.1', 40101, '10.0.0.5', 5432, 5432, 'client', 'unknown', 'CLOSE_WAIT', 60000000, 'api', 'shop', 'api-7', 1, now64(6)),
('2026-11-02 14:04:10', 'lingering', 'web-1', 7, 4294967295, 2, 501, '10.0.0.1', 40101, '10.0.0.5', 5432, 5432, 'client', 'unknown', 'LAST_ACK', 62000000, 'api', 'shop', 'api-7', 1, now64(6));

-- The queue of postgres was full for ten seconds.
INSERT INTO events (at, kind, host, session, stream, seq, local_ip, local_port, service_port, role, direction, state, owner_pid, owner_comm, owner_how, turned_away, queued, backlog, half_open, weight, received_at)
SELECT toDateTime64('2026-11-02 14:02:00', 6, 'UTC') + number * 5, 'listener', 'db-2', 8, 4294967295, number, '10.0.0.5', 5432, 5432, 'server', 'unknown', 'LISTEN', 300, 'postgres', 'seed', 110 - 20 * number, 129, 128, 7, 1, now64(6)
FROM numbers(2);

INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, offsets, modules, kernel_release, received_at) VALUES
(15, 503, 6, ['__tcp_close+0x34', 'tcp_close+0x1b', 'inet_release+0x42', 'sock_close+0x15', '__x64_sys_close+0x3d', 'do_syscall_64+0x71'], [1, 2, 3, 4, 5, 6], ['kernel', 'kernel', 'kernel', 'kernel', 'kernel', 'kernel'], '6.12.0', now64(6));

-- Something between web-1 and db-2 reset both ends of a connection that was idle for ten minutes.
INSERT INTO connections (closed_at, duration_us, connect_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, errno, reset, last_state, bytes_sent, bytes_received, owner_pid, owner_comm, owner_how, weight, received_at) VALUES
('2026-11-02 14:04:00', 600000000, 90, 'web-1', 7, 9, 9, 700, '10.0.0.1', 40700, '10.0.1.2', 5432, 5432, 'client', 'peer_reset', 'peer', 'ECONNRESET', 104, 'received', 'ESTABLISHED', 900, 4000, 321, 'api', 'write', 1, now64(6)),
('2026-11-02 14:04:20', 620000000, NULL, 'db-2', 8, 1, 2, 70, '10.0.1.2', 5432, '10.0.0.1', 40700, 5432, 'server', 'peer_reset', 'peer', 'ECONNRESET', 104, 'received', 'ESTABLISHED', 4000, 900, 77, 'postgres', 'write', 1, now64(6));

-- What db-2 sent again before its timeout: a firewall of web-1 dropped it once; who lost the second one is not known.
INSERT INTO events (at, kind, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, direction, state, reason, tcp_flags, length, packet_seq, packet_ack, owner_comm, weight, received_at) VALUES
('2026-11-02 14:02:05', 'drop', 'web-1', 7, 9, 10, 0, '10.0.0.1', 40123, '10.0.1.2', 5432, 0, 'unknown', 'in', '', 'NETFILTER_DROP', 24, 1448, 77000, 9100, '', 1, now64(6)),
('2026-11-02 14:02:05.3', 'retransmit', 'db-2', 8, 1, 3, 1, '10.0.1.2', 5432, '10.0.0.1', 40123, 5432, 'server', 'out', 'ESTABLISHED', 'timeout', 24, 1448, 77000, NULL, 'postgres', 1, now64(6)),
('2026-11-02 14:02:07', 'retransmit', 'db-2', 8, 1, 4, 1, '10.0.1.2', 5432, '10.0.0.1', 40123, 5432, 'server', 'out', 'ESTABLISHED', 'timeout', 24, 1448, 77000, NULL, 'postgres', 1, now64(6));
