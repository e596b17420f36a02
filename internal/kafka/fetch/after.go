// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
)

// After gives the first offset behind a batch that the answer to r holds and nobody can read. The batch's own head may be what
// is broken: the next head in the answer and the broker have to agree.
func (c *Client) After(ctx context.Context, r Request, answer *Answer, batch *Batch) (int64, error) {
	after := r.Offset + 1
	if batch.First <= r.Offset && r.Offset <= batch.Last && batch.Last < answer.HighWatermark {
		after = batch.Last + 1
	}
	if next, ok := answer.following(batch); ok && next > r.Offset && next < answer.HighWatermark {
		after = next
	}
	for ; after < answer.HighWatermark; after++ {
		r.Offset = after
		more, err := c.Fetch(ctx, r)
		if err != nil {
			return 0, err
		}
		if !more.beginsWith(batch) {
			break
		}
	}
	return after, nil
}

// following gives the first offset of the batch behind b; false if there is none or it is not intact.
func (a *Answer) following(b *Batch) (first int64, ok bool) {
	for rest := a.Records; len(rest) > len(b.Raw) && !a.TooLarge; {
		this, whole, _ := parse(rest)
		if !whole {
			break
		}
		if rest = rest[len(this.Raw):]; len(rest) > 0 && &this.Raw[0] == &b.Raw[0] {
			next, _, err := parse(rest)
			return next.First, err == nil
		}
	}
	return 0, false
}

// beginsWith reports whether the first batch of the answer has the bytes of b.
func (a *Answer) beginsWith(b *Batch) bool {
	n := min(len(a.Records), len(b.Raw))
	return n > 0 && bytes.Equal(a.Records[:n], b.Raw[:n])
}
