-- SPDX-License-Identifier: Apache-2.0
-- The storms that began a short time ago.
SELECT groupArray((toString(what), began, ended)) FROM {db}.storms{local} FINAL WHERE began >= since AND began <= newest
