ALTER TABLE tcpledger.connections COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.events COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.closes_1m COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.closes_1h COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.host_closes_1h COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.peers_1h COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE tcpledger.events_1m COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';
