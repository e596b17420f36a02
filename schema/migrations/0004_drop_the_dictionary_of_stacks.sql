-- SPDX-License-Identifier: Apache-2.0

-- Each refresh of the dictionary loaded every stack there ever was, and it stored the password of the user who made it.
-- Queries join the table.
DROP DICTIONARY IF EXISTS {db}.stack{on_cluster};

ALTER TABLE {db}.stacks{local}{on_cluster} MODIFY COMMENT 'Each distinct stack once, outermost frame last; join it by stack_id';
