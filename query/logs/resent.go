// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"time"

	"tcpledger/query"
)

// Resent is what the ends of a connection sent again in their last ten minutes, and which drops explain it. An end that sent nothing again, or
// is not known, has none. Failed says why it could not be asked.
type Resent struct {
	Row    []query.Makeup `json:"this"`
	Other  []query.Makeup `json:"other"`
	Failed string         `json:"failed,omitempty"`
}

// resent asks what both ends sent again.
func (t *Teller) resent(ctx context.Context, c *Thread) (out Resent, err error) {
	if out.Row, err = t.madeUp(ctx, &c.Row, &out); err == nil && c.Other != nil {
		out.Other, err = t.madeUp(ctx, c.Other, &out)
	}
	return out, err
}

// madeUp asks it of one end. An answer that takes too much leaves the story without it.
func (t *Teller) madeUp(ctx context.Context, end *Row, out *Resent) ([]query.Makeup, error) {
	if end.Retransmits == 0 || end.Conn == 0 {
		return nil, nil
	}
	found, err := t.Client.ResentOf(ctx, end.last(), end.ID(), end.Conn)
	if errors.As(err, new(*query.TooLargeError)) {
		out.Failed, err = err.Error(), nil
	}
	return found, err
}

// last is the end's last minutes: what is asked about it must not grow with its life.
func (r *Row) last() query.Window {
	w := query.Window{From: r.ClosedAt.Add(-query.ResentBefore), To: r.ClosedAt.Add(time.Microsecond)}
	if began := r.Began(); began.After(w.From) {
		w.From = began
	}
	return w
}

// Whole reports whether that was all of its life.
func (r *Row) Whole() bool {
	return r.DurationUS != nil && r.Began().Add(query.ResentBefore).After(r.ClosedAt)
}
