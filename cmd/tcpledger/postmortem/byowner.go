// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"strings"

	"tcpledger/internal/report"
	"tcpledger/query"
)

// Owner is the endings of one owner. Place is its pod, else its container, else its service.
type Owner struct {
	Comm  string `json:"comm"`
	Place string `json:"place"`
	query.Counts
}

func byOwner(ctx context.Context, a *asked) (report.Section, error) {
	return grouping[Owner]{
		what: "owner", by: []query.Dimension{query.Owner, query.Place},
		row:    func(g *query.Group) (Owner, error) { return Owner{g.Key[0], g.Key[1], g.Counts}, nil },
		counts: func(o *Owner) *query.Counts { return &o.Counts }, name: (*Owner).String,
	}.ask(ctx, a)
}

// containerDigits is as many digits of a container's id as people know it by.
const containerDigits = 12

// String names the owner and its place.
func (o *Owner) String() string {
	place := o.Place
	if len(place) == 64 || len(place) == 32 {
		place = place[:containerDigits]
	}
	name := o.Comm
	if name == "" {
		name = "(unknown)"
	}
	return strings.TrimSpace(name + "  " + place)
}
