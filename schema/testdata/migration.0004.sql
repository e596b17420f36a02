DROP DICTIONARY IF EXISTS tcpledger.stack;

ALTER TABLE tcpledger.stacks MODIFY COMMENT 'Each distinct stack once, outermost frame last; join it by stack_id';
