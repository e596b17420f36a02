-- SPDX-License-Identifier: Apache-2.0
-- edition 2: On which hosts did connections end?
--
-- Machines that have one name at the same time have a row each, with its boot; boot is empty for others.
SELECT host, {boot} AS boot, count() AS endings, countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    uniqExact(remote_ip) AS remotes, countIf(clock_off) AS clocks_off, {counts of cause} AS causes
FROM {db}.connections FINAL
WHERE {window of closed_at}
GROUP BY host, boot
ORDER BY endings DESC, host, boot
