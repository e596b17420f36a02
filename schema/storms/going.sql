-- SPDX-License-Identifier: Apache-2.0
-- Storms whose last minute is not long ago: what departs again belongs to them.
SELECT groupArray((toString(what), began, ended, minutes, expected_minute, limit_minute, load_minute, toString(against), found_at)) FROM {db}.storms{local} FINAL
WHERE ended >= since AND began <= newest
