ALTER TABLE tcpledger.connections ADD COLUMN IF NOT EXISTS `error_reported` LowCardinality(String) COMMENT 'The last error that the application was told of before the end, empty for none' AFTER first_fin_evidence,
    COMMENT COLUMN `error` 'The error that the socket ended with, or that ended its connect(); empty for none';
