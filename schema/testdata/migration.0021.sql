ALTER TABLE tcpledger.connections ADD INDEX IF NOT EXISTS ends [cityHash64(local_ip, local_port), cityHash64(remote_ip, remote_port), cityHash64(ifNull(nat_local_ip, local_ip), ifNull(nat_local_port, local_port)), cityHash64(ifNull(nat_remote_ip, remote_ip), ifNull(nat_remote_port, remote_port))] TYPE bloom_filter GRANULARITY 1;

ALTER TABLE tcpledger.events ADD INDEX IF NOT EXISTS ends [cityHash64(local_ip, local_port), cityHash64(remote_ip, remote_port)] TYPE bloom_filter GRANULARITY 1;
