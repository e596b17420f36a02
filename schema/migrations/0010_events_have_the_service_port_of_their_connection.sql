-- SPDX-License-Identifier: Apache-2.0

-- An event has the service port of its connection, and none without one.
ALTER TABLE {db}.connections{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.events{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.closes_1m{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.closes_1h{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.host_closes_1h{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.peers_1h{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';

ALTER TABLE {db}.events_1m{local}{on_cluster} COMMENT COLUMN `service_port` 'The port that names the service: the remote one for a client, the local one for a server, the lower of both if the role is unknown; 0 for an event of no connection';
