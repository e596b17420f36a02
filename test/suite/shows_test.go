// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"slices"
	"testing"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// notSpecified is the reason that a kernel gives where nobody told it one.
const notSpecified = "NOT_SPECIFIED"

// refusedPort is where the scenarios of refused connects knock.
const refusedPort = 9

// shown is what a kernel may show beside the rows, by an event or a field of a connection.
var shown = []struct {
	what       string
	event      func(*schema.Event) bool
	connection func(*schema.Connection) bool
}{
	{what: "resets without a socket (refused)", event: func(e *schema.Event) bool { return e.Kind == schema.KindResetSent && e.LocalPort == refusedPort }},
	{what: "why a reset was sent", event: func(e *schema.Event) bool { return e.Kind == schema.KindResetSent && named(e.Reason) }},
	{what: "why a packet was dropped", event: func(e *schema.Event) bool { return e.Kind == schema.KindDrop && named(e.Reason) }},
	{what: "errors as they are reported", event: func(e *schema.Event) bool { return e.Kind == schema.KindError }},
	{what: "cookies of sockets", connection: func(c *schema.Connection) bool { return c.Cookie != 0 }},
	{what: "cookies of namespaces", connection: func(c *schema.Connection) bool { return c.NetNSCookie != 0 }},
}

func named(reason string) bool { return reason != "" && reason != notSpecified }

// shows prints, for the page of kernels, what the endings of these labs showed beside their rows.
func (l *ledger) shows(t *testing.T, worlds []*lab.Lab) {
	mine, connections := among(t, worlds), l.in(t, worlds...)
	for _, s := range shown {
		seen := s.connection != nil && slices.ContainsFunc(connections, s.connection)
		for i := range l.events {
			seen = seen || s.event != nil && mine(&l.events[i].Socket) && s.event(&l.events[i])
		}
		fmt.Printf("SHOWS\t%s\t%t\n", s.what, seen)
	}
}
