-- SPDX-License-Identifier: Apache-2.0

-- Both ends of a connection that a host translates have different tuples: what that host's connection tracking says joins them.
ALTER TABLE {db}.connections{local}{on_cluster} ADD COLUMN IF NOT EXISTS `nat_local_ip` Nullable(IPv6) COMMENT 'Local address as the other side sees it, if connection tracking of this host translates the connection; NULL if not, and if that is not known (docs/nat.md)' CODEC(ZSTD(1)) AFTER role,
    ADD COLUMN IF NOT EXISTS `nat_local_port` Nullable(UInt16) COMMENT 'Local port as the other side sees it' CODEC(ZSTD(1)) AFTER nat_local_ip,
    ADD COLUMN IF NOT EXISTS `nat_remote_ip` Nullable(IPv6) COMMENT 'Remote address as the other side sees it' CODEC(ZSTD(1)) AFTER nat_local_port,
    ADD COLUMN IF NOT EXISTS `nat_remote_port` Nullable(UInt16) COMMENT 'Remote port as the other side sees it' CODEC(ZSTD(1)) AFTER nat_remote_ip;
