-- SPDX-License-Identifier: Apache-2.0

-- A connect() that this host's own firewall refuses tells the application at once, and leaves no error in the socket.
ALTER TABLE {db}.connections{local}{on_cluster} ADD COLUMN IF NOT EXISTS `error_reported` LowCardinality(String) COMMENT 'The last error that the application was told of before the end, empty for none' AFTER first_fin_evidence,
    COMMENT COLUMN `error` 'The error that the socket ended with, or that ended its connect(); empty for none';
