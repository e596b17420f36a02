-- SPDX-License-Identifier: Apache-2.0
-- edition 1: Who moved first?
SELECT initiator, cause, count() AS endings, round(100 * endings / sum(endings) OVER (), 1) AS percent, uniqExact(host) AS hosts,
    topK(3)(owner_comm) AS owners
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY initiator, cause
ORDER BY endings DESC, initiator, cause
