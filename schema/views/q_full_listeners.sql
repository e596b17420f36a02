-- SPDX-License-Identifier: Apache-2.0
-- edition 3: Which listeners turned connections away because a queue was full, and which handshakes came to nothing?
--
-- backlog is the limit of both queues: of connections that wait for accept(), and of handshakes that wait for their last
-- packet. The clients have connect_timeout or connect_abandoned; q_failed_connects shows both sides. never_answered and
-- reset_by_client are handshakes that ended half open: a SYN flood, a scan, or a way on which answers get lost.
SELECT host, {boot} AS boot, {plain local_ip} AS local, local_port, owner_comm AS owner, any({place}) AS place, sum(turned_away) AS turned_away, sum(aborted) AS aborted,
    max(queued) AS most_queued, max(half_open) AS most_half_open, max(backlog) AS backlog, max(syn_cookies) AS syn_cookies,
    sum(cookies_sent) AS cookies_sent, sum(half_open_expired) AS never_answered, sum(half_open_reset) AS reset_by_client,
    min(at) AS first_at, max(at) AS last_at
FROM {db}.events FINAL
WHERE {window of at} AND kind = 'listener'
GROUP BY host, boot_id, netns, netns_cookie, local_ip, local_port, owner
ORDER BY turned_away DESC, host, boot, local, local_port, owner
