// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"strconv"

	"tcpledger/query"
)

type (
	// Totals counts the endings of the window.
	Totals = query.Totals
	// Path is the endings of one code path.
	Path = query.Path
	// Loss is a loss of the window.
	Loss = query.Loss
)

// Cause is the endings of one cause.
type Cause struct {
	Cause string `json:"cause"`
	query.Counts
}

// Owner is the endings of one owner. Place is its pod, else its container, else its service.
type Owner struct {
	Comm  string `json:"comm"`
	Place string `json:"place"`
	query.Counts
}

// Remote is the endings with one remote address and service port, in one role of this side.
type Remote struct {
	IP   string `json:"remote_ip"`
	Port uint16 `json:"service_port"`
	Role string `json:"role"`
	query.Counts
}

// Event is the events of one kind and reason.
type Event struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	query.EventGroup
}

func causes(ctx context.Context, client *query.Client, w query.Window, f query.Filter, top int) ([]Cause, error) {
	groups, err := client.Endings(ctx, w, f, top, query.Cause)
	var rows []Cause
	for _, g := range groups {
		rows = append(rows, Cause{g.Key[0], g.Counts})
	}
	return rows, err
}

func owners(ctx context.Context, client *query.Client, w query.Window, f query.Filter, top int) ([]Owner, error) {
	groups, err := client.Endings(ctx, w, f, top, query.Owner, query.Place)
	var rows []Owner
	for _, g := range groups {
		rows = append(rows, Owner{g.Key[0], g.Key[1], g.Counts})
	}
	return rows, err
}

func remotes(ctx context.Context, client *query.Client, w query.Window, f query.Filter, top int) ([]Remote, error) {
	groups, err := client.Endings(ctx, w, f, top, query.RemoteIP, query.ServicePort, query.Role)
	var rows []Remote
	for _, g := range groups {
		port, err := strconv.ParseUint(g.Key[1], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("read a port: %w", err)
		}
		rows = append(rows, Remote{query.PlainIP(g.Key[0]), uint16(port), g.Key[2], g.Counts})
	}
	return rows, err
}

func events(ctx context.Context, client *query.Client, w query.Window, f query.Filter, top int) ([]Event, error) {
	groups, err := client.Events(ctx, w, f, top, query.Kind, query.Reason)
	var rows []Event
	for _, g := range groups {
		rows = append(rows, Event{g.Key[0], g.Key[1], g})
	}
	return rows, err
}
