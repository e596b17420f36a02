// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"slices"
	"strings"

	"tcpledger/schema"
)

// fact is something that a line says of itself or of its connection.
type fact struct {
	name  string   // of the column
	names []string // of the attributes that say it, the most reliable first
	ports []string // of an end: the attributes that say its port, if the address does not
}

// ends are the facts about a connection's ends. peer and local are seen from the process that wrote the line; client and server are
// the same for both. upstream is the peer of another connection: the one that a proxy opened for the request.
var ends = []fact{
	{"peer", []string{"network.peer.address", "net.sock.peer.addr", "net.peer.ip", "net.peer.name", "peer.address",
		"realip_remote_addr", "downstream_direct_remote_address", "remote_addr", "downstream_remote_address"},
		[]string{"network.peer.port", "net.sock.peer.port", "net.peer.port", "realip_remote_port", "remote_port"}},
	{"local", []string{"network.local.address", "net.sock.host.addr", "net.host.ip", "net.host.name", "server_addr", "downstream_local_address"},
		[]string{"network.local.port", "net.sock.host.port", "net.host.port", "server_port"}},
	{"client", []string{"client.address", "source.address", "client_ip"}, []string{"client.port", "source.port", "client_port"}},
	{"server", []string{"server.address", "destination.address"}, []string{"server.port", "destination.port"}},
	{"upstream_local", []string{"upstream_local_address"}, nil},
}

// upstreams name the peers of a proxy's own connections; nginx lists each that it tried.
var upstreams = fact{"upstream", []string{"upstream_addr", "upstream_host"}, nil}

// places are the facts about the process that wrote the line.
var places = []fact{
	{"host", []string{"host.name", "hostname", "host"}, nil},
	{"pid", []string{"process.pid", "pid"}, nil},
	{"container", []string{"container.id", "container_id"}, nil},
	{"pod", []string{"k8s.pod.name"}, nil},
	{"pod_uid", []string{"k8s.pod.uid"}, nil},
	{"namespace", []string{"k8s.namespace.name"}, nil},
}

// Names lists every attribute that is looked for.
func Names() []string {
	out := slices.Clone(upstreams.names)
	for _, f := range slices.Concat(ends, places) {
		out = append(append(out, f.names...), f.ports...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// parse is a lambda: an address with or without port, as (IPv6, port). What is no address is ('::', 0), and so is what is unknown.
const parse = `v -> if(isIPv4String(v) OR isIPv6String(v), (toIPv6OrDefault(v), toUInt16(0)),
        (toIPv6OrDefault(extract(v, '^\\[?([0-9a-fA-F.:]+?)\\]?:[0-9]{1,5}$')), toUInt16OrZero(extract(v, '^\\[?[0-9a-fA-F.:]+?\\]?:([0-9]{1,5})$'))))`

// said lists the values of attributes of the map said. The names are one constant: the server's time to understand a question grows
// with its parts.
func said(names []string) string { return "arrayMap(n -> said[n], " + quoted(names) + ")" }

// quoted is a constant array of texts.
func quoted(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = schema.Quote(text)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// endSQL is the columns of an end: the first address that is one, with its own port or 0, and the first port of another attribute.
func endSQL(f fact) string {
	ports := "toUInt16(0)"
	if len(f.ports) > 0 {
		ports = "arrayFirst(p -> p != 0, arrayMap(p -> toUInt16OrZero(p), " + said(f.ports) + "))"
	}
	return fmt.Sprintf("arrayFirst(e -> e.1 != toIPv6('::'), arrayMap(parse, %s)) AS %s_address, %s AS %s_port", said(f.names), f.name, ports, f.name)
}

// wholeSQL is the column of an end, made of those of endSQL.
func wholeSQL(f fact) string {
	return fmt.Sprintf("(%[1]s_address.1, if(%[1]s_address.2 != 0, %[1]s_address.2, %[1]s_port)) AS %[1]s", f.name)
}

// placeSQL is the column of a place: the first attribute that is not empty.
func placeSQL(f fact) string {
	value := "arrayFirst(s -> s != '', " + said(f.names) + ")"
	if f.name == "pid" {
		// Process 1 is a container's first process, seen from inside: the host's own never logs.
		value = "toUInt32OrZero(replaceOne(" + value + ", '.0', ''))"
		return "if(" + value + " = 1, 0, " + value + ") AS pid"
	}
	return value + " AS " + f.name
}

// factsSQL is the columns of facts from the map said, and wholesSQL those that are made of them.
func factsSQL() string {
	var out []string
	for _, f := range ends {
		out = append(out, endSQL(f))
	}
	for _, f := range places {
		out = append(out, placeSQL(f))
	}
	out = append(out, "arrayFilter(e -> e.1 != toIPv6('::'), arrayMap(parse, splitByRegexp(',\\\\s*| : ', arrayFirst(s -> s != '', "+said(upstreams.names)+")))) AS upstream")
	return strings.Join(out, ",\n            ")
}

func wholesSQL() string {
	out := make([]string, len(ends))
	for i, f := range ends {
		out[i] = wholeSQL(f)
	}
	return strings.Join(out, ",\n        ")
}
