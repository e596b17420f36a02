-- SPDX-License-Identifier: Apache-2.0

-- The process that used the socket first stands beside the one that used it last, and the pod's uid beside the container's id.
ALTER TABLE {db}.connections{local}{on_cluster} ADD COLUMN IF NOT EXISTS `k8s_pod_uid` String COMMENT 'Uid of the Kubernetes pod, from the cgroup path' CODEC(ZSTD(1)) AFTER k8s_pod,
    ADD COLUMN IF NOT EXISTS `opener_pid` UInt32 COMMENT 'Process that used the socket first: for a client the one that connected; 0 if unknown' CODEC(ZSTD(1)) AFTER ctx_kind,
    ADD COLUMN IF NOT EXISTS `opener_comm` LowCardinality(String) COMMENT 'Its name when it last used the socket' AFTER opener_pid,
    ADD COLUMN IF NOT EXISTS `opener_exe` LowCardinality(String) COMMENT 'Its executable then; empty if unknown' AFTER opener_comm,
    ADD COLUMN IF NOT EXISTS `opener_how` LowCardinality(String) COMMENT 'How it is known, as owner_how' AFTER opener_exe,
    COMMENT COLUMN `owner_exe` 'Its executable when it last used the socket, as its mount namespace names it; empty if unknown';
ALTER TABLE {db}.events{local}{on_cluster} ADD COLUMN IF NOT EXISTS `k8s_pod_uid` String COMMENT 'Uid of the Kubernetes pod, from the cgroup path' CODEC(ZSTD(1)) AFTER k8s_pod,
    COMMENT COLUMN `owner_exe` 'Its executable when it last used the socket, as its mount namespace names it; empty if unknown';
