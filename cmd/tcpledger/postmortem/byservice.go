// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"strconv"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Service is the endings of one service port, in one role of this side, by the service of the owner.
type Service struct {
	Port  uint16 `json:"service_port"`
	Role  string `json:"role"`
	Owner string `json:"owner_service"`
	query.Counts
}

func byService(ctx context.Context, a *asked) (report.Section, error) {
	return grouping[Service]{
		what: "service", by: []query.Dimension{query.ServicePort, query.Role, query.Service},
		row: func(g *query.Group) (Service, error) {
			port, err := portOf(g.Key[0])
			return Service{port, g.Key[1], g.Key[2], g.Counts}, err
		},
		counts: func(s *Service) *query.Counts { return &s.Counts }, name: (*Service).String,
	}.ask(ctx, a)
}

// String says on which port the service is, and whose.
func (s *Service) String() string {
	port := strconv.Itoa(int(s.Port))
	where := map[string]string{"client": "port " + port + " elsewhere", "server": "our port " + port}
	if s.Owner == "" {
		return named(where, s.Role, "port "+port)
	}
	return named(where, s.Role, "port "+port) + ", " + s.Owner
}
