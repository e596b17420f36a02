// SPDX-License-Identifier: Apache-2.0

package publish

// queue holds messages in order, bounded in bytes. The first inFlight of them are with the broker and are not dropped:
// they may have arrived.
type queue struct {
	messages []Message
	head     int
	inFlight int
	bytes    int64
	limit    int64
}

func (q *queue) len() int { return len(q.messages) - q.head }

// push appends m and gives the messages that had to go for it, oldest first: those that hold records before those that
// do not, m itself where nothing else is left.
func (q *queue) push(m Message) []Message {
	q.messages = append(q.messages, m)
	q.bytes += m.size()
	var dropped []Message
	for q.bytes > q.limit {
		dropped = append(dropped, q.remove(q.victim()))
	}
	return dropped
}

// victim is the index of the message to drop. There is one: the message just pushed is never in flight.
func (q *queue) victim() int {
	oldest := q.head + q.inFlight
	for i := oldest; i < len(q.messages); i++ {
		if q.messages[i].counted() {
			return i
		}
	}
	return oldest
}

// remove takes out one message. What stands before it moves up by one: few, since the oldest are dropped.
func (q *queue) remove(i int) Message {
	m := q.messages[i]
	copy(q.messages[q.head+1:i+1], q.messages[q.head:i])
	q.advance(1)
	q.bytes -= m.size()
	return m
}

// front gives the first messages that go to one partition in one request, at least one and together at most most bytes,
// and marks them in flight.
func (q *queue) front(most int) []Message {
	if q.len() == 0 {
		return nil
	}
	first, bytes, n := &q.messages[q.head], 0, 0
	for i := q.head; i < len(q.messages); i++ {
		m := &q.messages[i]
		if bytes += len(m.Value); n > 0 && (bytes > most || m.Topic != first.Topic || string(m.Key) != string(first.Key)) {
			break
		}
		n++
	}
	q.inFlight = n
	return append([]Message(nil), q.messages[q.head:q.head+n]...)
}

// done ends the flight: the first n messages leave, the others may be dropped again.
func (q *queue) done(n int) {
	for i := q.head; i < q.head+n; i++ {
		q.bytes -= q.messages[i].size()
	}
	q.advance(n)
	q.inFlight = 0
}

// advance frees the first n places; the slice moves down when half of it is free.
func (q *queue) advance(n int) {
	clear(q.messages[q.head : q.head+n])
	q.head += n
	if q.head > 64 && q.head*2 > len(q.messages) {
		kept := copy(q.messages, q.messages[q.head:])
		clear(q.messages[kept:])
		q.messages, q.head = q.messages[:kept], 0
	}
}
