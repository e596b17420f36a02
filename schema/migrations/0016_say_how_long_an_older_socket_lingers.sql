-- SPDX-License-Identifier: Apache-2.0

-- The kernel tells how long a socket that is older than the agent has been in its state at least.
ALTER TABLE {db}.events{local}{on_cluster} COMMENT COLUMN `state_us` 'Of a lingering event: how long the socket had been in its state, at least so long if it is older than the agent; NULL if not even that is known';
