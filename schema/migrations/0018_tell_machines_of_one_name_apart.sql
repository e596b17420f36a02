-- SPDX-License-Identifier: Apache-2.0

-- Two machines may have one name. The id of a machine is the same over its boots.
ALTER TABLE {db}.hosts{local}{on_cluster} ADD COLUMN IF NOT EXISTS `machine_id` Nullable(UUID) COMMENT 'The machine, as a hash of its /etc/machine-id: the same over boots; NULL if the agent could not read one' AFTER missing;
