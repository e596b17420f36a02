// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"maps"
	"slices"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// Past is what an earlier run left of a session. Its slices are the caller's.
type Past struct {
	// Header has host, boot id and session, and the run that left it.
	Header schema.Header
	// Damaged says that there was more. Then nothing may be told as lost, and the session must not go on.
	Damaged bool
	// Started says that a checkpoint of the session was sent.
	Started bool
	// Reached are the numbers in messages and in losses that were sent.
	Reached []schema.Range
	// Untold are losses that no message told.
	Untold []schema.Loss
	State  State
	// Held are batches of endings that waited for their reset. They were not sent.
	Held []message.Message
}

func (c *contents) past(damaged bool) *Past {
	p := &Past{Header: c.header, Damaged: damaged, Started: c.started, Reached: c.reached.Ranges(), State: c.state}
	for _, cause := range slices.Sorted(maps.Keys(c.untold)) {
		u := c.untold[cause]
		for _, r := range u.numbers.Ranges() {
			p.Untold = append(p.Untold, schema.Loss{At: u.at, Stream: r.Stream, SeqFrom: r.From, SeqTo: r.To, Cause: cause})
		}
	}
	p.Held = slices.Clone(c.held)
	return p
}

// Is reports whether this is the past of a session of this boot that may go on.
func (p *Past) Is(boot string, session uint64) bool {
	return p != nil && !p.Damaged && p.Header.BootID == boot && p.Header.Session == session
}

// Endings decodes the endings that waited for their reset and are in no message that was sent.
func (p *Past) Endings() ([]schema.Connection, error) {
	reached, decoder := message.NewNumbers(p.Reached...), schema.NewBatchDecoder()
	var all []schema.Connection
	for i := range p.Held {
		var b schema.Batch
		if err := decoder.Decode(p.Held[i].Value, &b); err != nil {
			return nil, fmt.Errorf("decode the endings that an earlier run held: %w", err)
		}
		for _, c := range b.Connections {
			if !reached.Has(c.Stream, c.Seq) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}
