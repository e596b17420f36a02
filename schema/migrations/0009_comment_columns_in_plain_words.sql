-- SPDX-License-Identifier: Apache-2.0

-- Comments of columns in plain words. The kinds of events are listed once, in the documents.
ALTER TABLE {db}.connections{local}{on_cluster} COMMENT COLUMN `conn` 'Number of the connection, unique in the session; 0 if none is known',
    COMMENT COLUMN `owner_pid` 'Process that last used the socket in its own task context; 0 if unknown',
    COMMENT COLUMN `owner_uid` 'Its user id; 4294967295 if unknown',
    COMMENT COLUMN `owner_exe` 'Its executable, if /proc still had it',
    COMMENT COLUMN `reset_reason` 'The kernel\'s reason for it, if it gave one',
    COMMENT COLUMN `error_reported` 'The last error that the application got before the end, empty for none',
    COMMENT COLUMN `srtt_us` 'Smoothed round trip; NULL if never measured',
    COMMENT COLUMN `last_rx_age_ms` 'Since data last arrived; NULL if none did',
    COMMENT COLUMN `last_tx_age_ms` 'Since data was last sent; NULL if none was',
    COMMENT COLUMN `stack_id` 'Kernel stack of the moment that named the cause; 0 if none was taken',
    COMMENT COLUMN `user_stack_id` 'User stack of that moment; 0 if none was taken';

ALTER TABLE {db}.events{local}{on_cluster} COMMENT COLUMN `conn` 'Number of the connection, unique in the session; 0 if none is known',
    COMMENT COLUMN `owner_pid` 'Process that last used the socket in its own task context; 0 if unknown',
    COMMENT COLUMN `owner_uid` 'Its user id; 4294967295 if unknown',
    COMMENT COLUMN `owner_exe` 'Its executable, if /proc still had it',
    COMMENT COLUMN `kind` 'What happened, as reset_sent or drop; docs/agent.md lists the kinds',
    COMMENT COLUMN `state_us` 'Of a lingering event: how long the socket had been in its state; NULL if it entered that state before the agent came',
    COMMENT COLUMN `stack_id` 'Kernel stack; 0 if none was taken';

ALTER TABLE {db}.stacks{local}{on_cluster} COMMENT COLUMN `symbols` 'Function and offset in it, or the raw address in hex if there is no symbol',
    COMMENT COLUMN `build_ids` 'Build id of each frame\'s module, empty if unknown',
    COMMENT COLUMN `lines` 'Source line of each frame, empty if unknown';

ALTER TABLE {db}.paths_1h{local}{on_cluster} COMMENT COLUMN `stack_id` 'Kernel stack of the moment that named the cause; 0 if none was taken';

ALTER TABLE {db}.events_1m{local}{on_cluster} COMMENT COLUMN `kind` 'What happened, as reset_sent or drop; docs/agent.md lists the kinds';
