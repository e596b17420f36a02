-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Why were packets sent again, and which drop of a host of the ledger explains it?
--
-- why is the kernel's way to find out that something was lost. "no drop seen" is a loss elsewhere, a drop that the ledger leaves out, or none at
-- all: docs/retransmits.md. records counts what a budget skipped too.
SELECT why, explained, drop_host, drop_reason, service_port, role, count() AS packets, sum(weight) AS records, sum(length) AS bytes,
    uniqExact(host, boot_id, session, conn) AS connections, uniqExact(remote_ip) AS remotes, min(at) AS first_at, max(at) AS last_at
FROM {db}.retransmissions(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')})
GROUP BY why, explained, drop_host, drop_reason, service_port, role
ORDER BY packets DESC, why, explained, drop_host, drop_reason, service_port, role
