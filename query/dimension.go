// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tcpledger/schema"
)

// Dimension is what endings or events are grouped by: the name of a column, or of a value made of columns.
type Dimension string

// The dimensions. Host to Service are of endings and of events.
const (
	Host        Dimension = "host"
	RemoteIP    Dimension = "remote_ip"
	ServicePort Dimension = "service_port"
	Role        Dimension = "role"
	Owner       Dimension = "owner"   // the owner's comm
	Place       Dimension = "place"   // the owner's pod, else its container, else its service
	Netns       Dimension = "netns"   // the network namespace's cookie, else its number, which the kernel gives again
	Service     Dimension = "service" // of the owner

	Cause     Dimension = "cause"
	Initiator Dimension = "initiator"
	Reset     Dimension = "reset"
	Error     Dimension = "error"
	LastState Dimension = "last_state"

	Kind      Dimension = "kind"
	Reason    Dimension = "reason" // the kernel's reason, else the error that was reported
	Direction Dimension = "direction"
	State     Dimension = "state"
)

// made are the dimensions that are not a column of their own name: an expression of columns.
var made = map[Dimension]struct {
	expression string
	columns    []string
}{
	Owner:  {"owner_comm", []string{"owner_comm"}},
	Place:  {schema.Place, []string{"k8s_pod", "k8s_namespace", "container_id", "service"}},
	Netns:  {"if(netns_cookie != 0, netns_cookie, toUInt64(netns))", []string{"netns_cookie", "netns"}},
	Reason: {"if(reason != '', reason, error)", []string{"reason", "error"}},
}

func (d Dimension) expression() (expression string, columns []string) {
	if m, ok := made[d]; ok {
		return m.expression, m.columns
	}
	return string(d), []string{string(d)}
}

var bothTables = []Dimension{Host, RemoteIP, ServicePort, Role, Owner, Place, Netns, Service}

// EndingDimensions lists what endings can be grouped by.
func EndingDimensions() []Dimension {
	return append(slices.Clone(bothTables), Cause, Initiator, Reset, Error, LastState)
}

// EventDimensions lists what events can be grouped by.
func EventDimensions() []Dimension {
	return append(slices.Clone(bothTables), Kind, Reason, Direction, State, Error)
}

// grouping is a list of dimensions as SQL: the key of a group, what follows GROUP BY, and the columns that both need.
type grouping struct {
	name, key, by string
	columns       []string
}

func group(by, known []Dimension) (grouping, error) {
	if len(by) == 0 {
		return grouping{}, errors.New("group by nothing: want at least one dimension")
	}
	var names, keys, expressions, columns []string
	for _, d := range by {
		if !slices.Contains(known, d) {
			return grouping{}, fmt.Errorf("group by %q: want %s", d, list(known))
		}
		names = append(names, string(d))
		expression, needs := d.expression()
		keys = append(keys, "toString("+expression+")")
		expressions = append(expressions, expression)
		for _, column := range needs {
			if !slices.Contains(columns, column) {
				columns = append(columns, column)
			}
		}
	}
	return grouping{strings.Join(names, ", "), "[" + strings.Join(keys, ", ") + "]::Array(String)", strings.Join(expressions, ", "), columns}, nil
}

func list(dimensions []Dimension) string {
	names := map[string]bool{}
	for _, d := range dimensions {
		names[string(d)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
