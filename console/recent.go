// SPDX-License-Identifier: Apache-2.0

package console

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// keep is how long an answer serves all who ask the same: many open pages cost ClickHouse as much as one.
	keep = time.Second
	// mostKept bounds how many different answers are kept.
	mostKept = 32
)

// recent holds the last answers by what was asked. The zero value is empty; it is safe for concurrent use.
type recent struct {
	flight singleflight.Group
	mu     sync.Mutex
	views  map[narrowed]*kept
}

type kept struct {
	view *view
	at   time.Time
}

// get gives the answer to n, making it where there is none or it is old. The view is shared: nobody changes it.
func (r *recent) get(n narrowed, look func() *view) *view {
	r.mu.Lock()
	k := r.views[n]
	r.mu.Unlock()
	if k != nil && time.Since(k.at) < keep {
		return k.view
	}
	v, _, _ := r.flight.Do(n.Query(), func() (any, error) {
		v := look()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.views == nil || len(r.views) >= mostKept {
			r.views = map[narrowed]*kept{}
		}
		r.views[n] = &kept{v, time.Now()}
		return v, nil
	})
	return v.(*view)
}
