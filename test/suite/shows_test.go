// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"slices"
	"testing"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// notSpecified is the kernel's name for no reason.
const notSpecified = "NOT_SPECIFIED"

// refusedPort is the port of the scenarios of refused connects.
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

// shows prints, for the page of kernels, what the endings of these labs showed beside their rows: yes, no, or some where
// only some of the rows have it.
func (l *published) shows(t *testing.T, worlds []*lab.Lab) {
	mine, connections := among(t, worlds), l.in(t, worlds...)
	for _, s := range shown {
		if s.connection != nil {
			lack := slices.DeleteFunc(slices.Clone(connections), s.connection)
			fmt.Printf("SHOWS\t%s\t%s\n", s.what, howMany(len(connections)-len(lack), len(connections)))
			continue
		}
		seen := slices.ContainsFunc(l.events, func(e schema.Event) bool { return mine(&e.Socket) && s.event(&e) })
		fmt.Printf("SHOWS\t%s\t%s\n", s.what, map[bool]string{true: "yes", false: "no"}[seen])
	}
}

func howMany(have, all int) string {
	switch have {
	case 0:
		return "no"
	case all:
		return "yes"
	}
	return "some"
}
