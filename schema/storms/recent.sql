-- SPDX-License-Identifier: Apache-2.0
-- The storms that began a short time ago and are half as old again as when it was last said what they are made of: that reads all rows
-- of their time.
SELECT groupArray((toString(what), began, ended)) FROM {db}.storms{local} AS s FINAL
LEFT JOIN (SELECT what, began, as_of FROM {db}.storm_factors{local} FINAL) AS said USING (what, began)
WHERE began >= since AND began <= newest AND (as_of < began OR moment < as_of OR 2 * dateDiff('second', began, moment) >= 3 * dateDiff('second', began, as_of))
