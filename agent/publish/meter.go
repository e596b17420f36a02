// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"math"
	"time"
)

// meterSpan is about how much of the past a meter remembers.
const meterSpan = 10 * time.Second

// meter is a rate in bytes a second over the last seconds.
type meter struct {
	rate float64
	at   time.Time
}

func (m *meter) add(bytes int, now time.Time) {
	m.rate = m.perSecond(now) + float64(bytes)/meterSpan.Seconds()
	m.at = now
}

func (m *meter) perSecond(now time.Time) float64 {
	return m.rate * math.Exp(-now.Sub(m.at).Seconds()/meterSpan.Seconds())
}
