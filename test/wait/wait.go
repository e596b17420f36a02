// SPDX-License-Identifier: Apache-2.0

// Package wait says how long tests wait.
package wait

import "time"

// Long bounds every wait for something that must come. A test waits for the thing itself: only a failure takes this long, on a
// machine several times slower than the one it was written on, too, and inside an emulated guest.
const Long = 5 * time.Minute
