// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query/logs"
)

// connectionColumns are those of the connections below.
const connectionColumns = "closed_at, duration_us, host, local_ip, local_port, remote_ip, remote_port, role, cause, owner_pid, container_id, k8s_namespace, k8s_pod, k8s_pod_uid"

// connections are six endings around 14:01: both ends of one connection, two of one process, one of a container, one of a pod.
var connections = []string{
	"'2026-11-02 14:01:00', 10000000, 'web-1', toIPv6('10.0.0.1'), 40001, toIPv6('10.0.0.5'), 5432, 'client', 'peer_reset', 321, '', '', '', ''",
	"'2026-11-02 14:01:00', 10000000, 'db-1', toIPv6('10.0.0.5'), 5432, toIPv6('10.0.0.1'), 40001, 'server', 'close_unread_data', 55, '', '', '', ''",
	"'2026-11-02 14:01:01', 1000000, 'web-1', toIPv6('10.0.0.1'), 40002, toIPv6('10.0.0.6'), 6379, 'client', 'local_close', 321, '', '', '', ''",
	"'2026-11-02 14:01:01.2', 1000000, 'web-1', toIPv6('10.0.0.1'), 40003, toIPv6('10.0.0.7'), 6379, 'client', 'peer_close', 321, '', '', '', ''",
	"'2026-11-02 14:03:00', NULL, 'web-2', toIPv6('fd00::1'), 443, toIPv6('fd00::9'), 50000, 'server', 'peer_close', 0, 'abcdef', '', '', ''",
	"'2026-11-02 14:03:00.5', 500000, 'web-2', toIPv6('10.1.0.1'), 41000, toIPv6('10.0.0.5'), 5432, 'client', 'local_close', 0, '', 'shop', 'api-7', '5a1c-7'",
}

// Each line is matched by the strongest of what it says, and says how.
func checkHowLinesAreMatched(t *testing.T, engine string) {
	b := newBench(t, engine, now)
	b.ended(connectionColumns, connections...)
	cases := []struct{ name, at, resource, attributes, want string }{
		{"client and server", "14:01:00.002", "", "'client.address','10.0.0.1','client.port','40001','server.address','10.0.0.5','server.port','5432'", "ends 1 2000 seq 1"},
		{"the writer's own row", "14:01:00.002", "'host.name','db-1','process.pid','55'", "'client.address','10.0.0.1','client.port','40001'", "ends 1 2000 seq 2"},
		{"peer and local", "14:00:55", "", "'network.peer.address','10.0.0.1','network.peer.port','40001','network.local.address','10.0.0.5','network.local.port','5432'", "ends 1 0 seq 2"},
		{"the older names", "14:01:00", "", "'net.peer.name','cache','net.sock.peer.addr','10.0.0.6','net.peer.port','6379','net.host.ip','10.0.0.1','net.host.port','40002'", "ends 1 0 seq 3"},
		{"the oldest names", "14:01:01.001", "", "'net.peer.ip','10.0.0.6','net.peer.port','6379','net.host.ip','10.0.0.1','net.host.port','40002'", "ends 1 1000 seq 3"},
		{"nginx", "14:02:59", "", "'remote_addr','fd00::9','remote_port','50000','server_addr','fd00::1','server_port','443'", "ends 1 0 seq 5"},
		{"envoy", "14:02:59", "", "'downstream_remote_address','[fd00::9]:50000','downstream_local_address','[fd00::1]:443'", "ends 1 0 seq 5"},
		{"a local name", "14:01:01.001", "", "'network.local.address','::ffff:10.0.0.1','network.local.port','40003'", "ends 1 0 seq 4"},
		{"another peer", "14:01:00", "", "'client.address','10.0.0.1','client.port','40001','server.address','10.9.9.9','server.port','5432'", " 0 0 seq 0"},
		{"a peer by its host's name", "14:01:00", "", "'client.address','10.0.0.1','client.port','40001','server.address','db.internal','server.port','5432'", "ends 1 0 seq 1"},
		{"too early", "14:00:40", "", "'client.address','10.0.0.1','client.port','40001'", " 0 0 seq 0"},
		{"too late", "14:01:05.1", "", "'client.address','10.0.0.1','client.port','40001'", " 0 0 seq 0"},
		{"container", "14:03:00.3", "'container.id','abcdef','process.pid','1'", "", "container 1 300000 seq 5"},
		{"pod", "14:03:00.3", "'k8s.pod.name','api-7','k8s.namespace.name','shop'", "", "pod 1 -200000 seq 6"},
		{"pod by its uid", "14:03:00.3", "'k8s.pod.uid','5a1c-7','k8s.pod.name','api-7','k8s.namespace.name','shop'", "", "pod 1 -200000 seq 6"},
		{"a later pod of its name", "14:03:00.3", "'k8s.pod.uid','5a1c-8','k8s.pod.name','api-7','k8s.namespace.name','shop'", "", " 0 0 seq 0"},
		{"pod of another namespace", "14:03:00.3", "'k8s.pod.name','api-7','k8s.namespace.name','test'", "", " 0 0 seq 0"},
		{"process and peer", "14:01:01.1", "'host.name','web-1','process.pid','321'", "'network.peer.address','10.0.0.6','network.peer.port','6379'", "host and process 1 100000 seq 3"},
		{"process and port", "14:01:01.1", "'host.name','web-1','process.pid','321'", "'server.address','db.internal','server.port','5432'", " 0 0 seq 0"},
		{"process and port in reach", "14:01:00.9", "'host.name','web-1','process.pid','321'", "'server.address','db.internal','server.port','5432'", "host and process 1 900000 seq 1"},
		{"one of two of the process", "14:01:01.15", "'host.name','web-1','process.pid','321'", "", "host and process 2 -50000 seq 4"},
		{"host", "14:03:01.4", "'host.name','web-2'", "", "host 1 900000 seq 6"},
		{"another process of the host", "14:01:01", "'host.name','web-1','process.pid','999'", "", " 0 0 seq 0"},
		{"nothing", "14:01:01", "", "", " 0 0 seq 0"},
	}
	for _, c := range cases {
		b.said(fmt.Sprintf("'2026-11-02 %s', 'api', 9, '%s', map(%s), map(%s)", c.at, strings.ReplaceAll(c.name, "'", "`"), c.resource, c.attributes))
	}
	found := map[string]string{}
	for _, m := range b.behind(logs.Filter{}) {
		found[m.Body] = fmt.Sprintf("%s %d %d seq %d", m.How, m.Candidates, m.OffUS, m.Seq)
	}
	require.Len(t, found, len(cases))
	for _, c := range cases {
		require.Equal(t, c.want, found[strings.ReplaceAll(c.name, "'", "`")], c.name)
	}
}

// A proxy's line speaks of the client's connection and of each upstream that it tried.
func checkUpstreamsOfAProxy(t *testing.T, engine string) {
	b := newBench(t, engine, now)
	b.ended(connectionColumns, connections...)
	b.said("'2026-11-02 14:01:01.1', 'nginx', 9, 'GET / 502', map('host.name','web-1','process.pid','321'), map('remote_addr','10.0.0.99','remote_port','999','upstream_addr','10.0.0.6:6379, 10.0.0.7:6379')")
	var found []string
	for _, m := range b.behind(logs.Filter{}) {
		found = append(found, fmt.Sprintf("%s %s %d seq %d", m.Relation, m.How, m.Candidates, m.Seq))
	}
	require.ElementsMatch(t, []string{"own  0 seq 0", "upstream host and process 1 seq 3", "upstream 2 host and process 1 seq 4"}, found)
}
