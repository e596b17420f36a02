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
	// maxKept bounds how many different answers are kept.
	maxKept = 32
)

// recent holds the last answers by what was asked. The zero value is empty; it is safe for concurrent use.
type recent struct {
	flight singleflight.Group
	mu     sync.Mutex
	views  map[asked]*kept
}

type kept struct {
	view *view
	at   time.Time
}

// get gives the answer to a; it makes one if there is none or it is old. The view is shared: nobody changes it.
func (r *recent) get(a asked, look func() *view) *view {
	r.mu.Lock()
	k := r.views[a]
	r.mu.Unlock()
	if k != nil && time.Since(k.at) < keep {
		return k.view
	}
	v, _, _ := r.flight.Do(a.Query(), func() (any, error) {
		v := look()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.views == nil || len(r.views) >= maxKept {
			r.views = map[asked]*kept{}
		}
		r.views[a] = &kept{v, time.Now()}
		return v, nil
	})
	return v.(*view)
}
