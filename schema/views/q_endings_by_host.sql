-- SPDX-License-Identifier: Apache-2.0
-- edition 1: On which hosts did connections end?
SELECT host, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(remote_ip) AS remotes, countIf(clock_off) AS clocks_off, {counts of cause} AS causes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY host
ORDER BY endings DESC, host
