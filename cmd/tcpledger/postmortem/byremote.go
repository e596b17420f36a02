// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
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
	groups, err := a.client.Endings(ctx, a.Window, a.Filter, a.Top, query.RemoteIP, query.ServicePort, query.Role)
	var rows []Remote
	for _, g := range groups {
		port, err := strconv.ParseUint(g.Key[1], 10, 16)
		if err != nil {
			return report.Section{}, fmt.Errorf("read a port: %w", err)
		}
		rows = append(rows, Remote{query.PlainIP(g.Key[0]), uint16(port), g.Key[2], g.Counts})
	}
	return report.Section{Data: rows, Tables: grouped("remote", rows, func(r *Remote) *query.Counts { return &r.Counts }, (*Remote).String,
		report.Words("causes"), func(r *Remote) []string { return []string{causeList(&r.Counts)} })}, err
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
