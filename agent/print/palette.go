// SPDX-License-Identifier: Apache-2.0

package print

import (
	"github.com/fatih/color"

	"tcpledger/schema"
)

// palette colours by how bad something is, whether or not the standard output is a terminal.
type palette struct{ header, good, odd, bad *color.Color }

func newPalette(on bool) palette {
	p := palette{color.New(color.Bold), color.New(color.FgGreen), color.New(color.FgYellow), color.New(color.FgRed)}
	for _, c := range []*color.Color{p.header, p.good, p.odd, p.bad} {
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

// cause is green for a clean end, yellow for one that an application chose or that is unknown, red for the rest.
func (p *palette) cause(c schema.Cause) *color.Color {
	switch c {
	case schema.CauseLocalClose, schema.CausePeerClose, schema.CauseLocalShutdown:
		return p.good
	case schema.CauseProcessExit, schema.CauseDisconnect, schema.CauseLingerAbort, schema.CauseConnectAbandoned,
		schema.CauseKilled, schema.CauseListenerClosed, schema.CauseLinger2Timeout, schema.CauseUnknown:
		return p.odd
	}
	return p.bad
}

func (p *palette) kind(k schema.Kind) *color.Color {
	switch k {
	case schema.KindState, schema.KindSkbConsumed:
		return p.good
	case schema.KindRetransmit, schema.KindRetransmitSynack, schema.KindLingering, schema.KindListener:
		return p.odd
	}
	return p.bad
}
