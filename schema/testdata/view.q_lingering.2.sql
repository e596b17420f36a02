CREATE OR REPLACE VIEW tcpledger.q_lingering AS
SELECT last_state AS state, owner, place, service_port, role, count() AS sockets, countIf(ended_at < last_at) AS still_there, uniqExact(host) AS hosts,
    round(max(longest_us) / 1e6) AS longest_s, min(first) AS first_at
FROM
(
    SELECT host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port, max(at) AS last_at, argMax(state, at) AS last_state, any(owner_comm) AS owner, any(service_port) AS service_port, any(role) AS role,
        any(if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service))) AS place,
        max(state_us) AS longest_us, min(at) AS first
    FROM tcpledger.events FINAL
    WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind = 'lingering'
    GROUP BY host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port
) AS lingered
LEFT JOIN
(
    SELECT host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port, max(closed_at) AS ended_at FROM tcpledger.connections
    WHERE closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}
    GROUP BY host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port
) AS ends USING (host, boot_id, netns, netns_cookie, cookie, local_ip, local_port, remote_ip, remote_port)
GROUP BY state, owner, place, service_port, role
ORDER BY sockets DESC, state, owner, place, service_port, role
COMMENT 'Which sockets stayed open after one side had closed? (edition 2, text 1c9091c24eab)';
