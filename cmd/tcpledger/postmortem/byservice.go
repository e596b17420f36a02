// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
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
	groups, err := a.client.Endings(ctx, a.Window, a.Filter, a.Top, query.ServicePort, query.Role, query.Service)
	var rows []Service
	for _, g := range groups {
		port, err := strconv.ParseUint(g.Key[0], 10, 16)
		if err != nil {
			return report.Section{}, fmt.Errorf("read a port: %w", err)
		}
		rows = append(rows, Service{uint16(port), g.Key[1], g.Key[2], g.Counts})
	}
	return report.Section{Data: rows, Tables: grouped("service", rows, func(s *Service) *query.Counts { return &s.Counts }, (*Service).String,
		report.Words("causes"), func(s *Service) []string { return []string{causeList(&s.Counts)} })}, err
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
