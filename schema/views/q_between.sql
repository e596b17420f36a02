-- SPDX-License-Identifier: Apache-2.0
-- edition 1: What did something between the hosts end?
--
-- A firewall, a balancer or connection tracking that resets in the name of the ends, that forgets a connection, or that lets nothing through
-- any more. Both ends have to be hosts of the ledger; each counts. The other end may have ended up to ten minutes before or after the window.
SELECT verdict, service_port, role, count() AS endings, uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes, topK(3)(owner_comm) AS owners,
    topK(3)(cause) AS causes, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM {db}.both_ends(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}, around = 600)
WHERE verdict LIKE '%between them%'
GROUP BY verdict, service_port, role
ORDER BY endings DESC, verdict, service_port, role
