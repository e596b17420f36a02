CREATE OR REPLACE VIEW tcpledger.q_new_causes AS
SELECT (before = 0)::Bool AS new, cause, initiator, service_port, role, owner_comm AS owner,
    countIf(closed_at >= {from:DateTime64(6, 'UTC')}) AS endings, countIf(closed_at < {from:DateTime64(6, 'UTC')}) AS before,
    minIf(closed_at, closed_at >= {from:DateTime64(6, 'UTC')}) AS first_at
FROM tcpledger.connections FINAL
WHERE closed_at >= fromUnixTimestamp64Micro(2 * toUnixTimestamp64Micro({from:DateTime64(6, 'UTC')}) - toUnixTimestamp64Micro({to:DateTime64(6, 'UTC')}), 'UTC')
    AND closed_at < {to:DateTime64(6, 'UTC')}
GROUP BY cause, initiator, service_port, role, owner
HAVING endings > before
ORDER BY new DESC, endings - before DESC, cause, initiator, service_port, role, owner
COMMENT 'What ended in a way in which nothing, or less, ended in the window before? (edition 1, text 5fd9fdb3cb17)';
