CREATE OR REPLACE VIEW tcpledger.q_full_listeners AS
SELECT host, if(host IN (SELECT name FROM tcpledger.shared_names(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}) WHERE shared = 'name' AND at_once > 1), toString(boot_id), '') AS boot, replaceRegexpOne(toString(local_ip), '^::ffff:(\\d+\\.)', '\\1') AS local, local_port, owner_comm AS owner, any(if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service))) AS place, sum(turned_away) AS turned_away, sum(aborted) AS aborted,
    max(queued) AS most_queued, max(half_open) AS most_half_open, max(backlog) AS backlog, max(syn_cookies) AS syn_cookies,
    sum(cookies_sent) AS cookies_sent, sum(half_open_expired) AS never_answered, sum(half_open_reset) AS reset_by_client,
    min(at) AS first_at, max(at) AS last_at
FROM tcpledger.events FINAL
WHERE at >= {from:DateTime64(6, 'UTC')} AND at < {to:DateTime64(6, 'UTC')} AND kind = 'listener'
GROUP BY host, boot_id, netns, netns_cookie, local_ip, local_port, owner
ORDER BY turned_away DESC, host, boot, local, local_port, owner
COMMENT 'Which listeners turned connections away because a queue was full, and which handshakes came to nothing? (edition 3, text c7e05fe6b806)';
