-- SPDX-License-Identifier: Apache-2.0
-- edition 1: How many connections ended in each minute, by cause?
SELECT toStartOfMinute(closed_at) AS minute, cause, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, uniqExact(remote_ip) AS remotes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY minute, cause
ORDER BY minute, endings DESC, cause
