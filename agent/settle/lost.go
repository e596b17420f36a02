// SPDX-License-Identifier: Apache-2.0

package settle

// maxSpans bounds the spans that are remembered. Settle asks about the latest only.
const maxSpans = 64

// lostResets knows when the ring buffer had no room for resets. It does not know to which connections they belonged.
type lostResets struct {
	count func() (uint64, error) // resets lost so far
	now   func() (uint64, error)
	lost  uint64
	at    uint64 // when lost was read
	spans []span // when resets were lost, oldest first
}

// span is a time within which resets were lost, in kernel time.
type span struct{ from, to uint64 }

// read reads the counter. Resets lost since the last reading were lost at any time between.
func (l *lostResets) read() error {
	lost, err := l.count()
	if err != nil {
		return err
	}
	now, err := l.now()
	if err != nil {
		return err
	}
	if lost != l.lost {
		l.add(span{l.at, now})
	}
	l.lost, l.at = lost, now
	return nil
}

func (l *lostResets) add(s span) {
	if n := len(l.spans); n > 0 && l.spans[n-1].to >= s.from {
		l.spans[n-1].to = s.to
		return
	}
	if len(l.spans) == maxSpans {
		l.spans = append(l.spans[:0], l.spans[1:]...)
	}
	l.spans = append(l.spans, s)
}

// after reports whether a reset may have been lost that belongs to an ending at kernel time at. If the last reading may have
// been before that reset, it reads the counter first.
func (l *lostResets) after(at uint64) (bool, error) {
	if l.at < at+Window/2 {
		if err := l.read(); err != nil {
			return false, err
		}
	}
	for i := len(l.spans) - 1; i >= 0 && l.spans[i].to >= at; i-- {
		if l.spans[i].from <= at+Window {
			return true, nil
		}
	}
	return false, nil
}
