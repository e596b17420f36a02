// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"net"
	"strconv"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Remote is the endings with one remote address and service port, in one role of this side.
type Remote struct {
	IP   string `json:"remote_ip"`
	Port uint16 `json:"service_port"`
	Role string `json:"role"`
	query.Counts
}

func byRemote(ctx context.Context, a *asked) (report.Section, error) {
	return grouping[Remote]{
		what: "remote", by: []query.Dimension{query.RemoteIP, query.ServicePort, query.Role},
		row: func(g *query.Group) (Remote, error) {
			port, err := portOf(g.Key[1])
			return Remote{query.PlainIP(g.Key[0]), port, g.Key[2], g.Counts}, err
		},
		counts: func(r *Remote) *query.Counts { return &r.Counts }, name: (*Remote).String,
	}.ask(ctx, a)
}

// String says which side the service is on: the remote one for a client, this host for a server.
func (r *Remote) String() string {
	port := strconv.Itoa(int(r.Port))
	switch r.Role {
	case "client":
		return "to " + net.JoinHostPort(r.IP, port)
	case "server":
		return "from " + r.IP + " to our " + port
	}
	return "with " + r.IP + " on " + port
}
