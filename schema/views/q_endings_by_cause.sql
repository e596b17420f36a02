-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Why did connections end?
SELECT cause, count() AS endings, round(100 * endings / sum(endings) OVER (), 1) AS percent,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(host) AS hosts, round(median(duration_us) / 1000, 3) AS median_ms, min(closed_at) AS first_at, max(closed_at) AS last_at
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY cause
ORDER BY endings DESC, cause
