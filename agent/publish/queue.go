// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"slices"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// queues hold the messages that wait for Kafka, bounded in bytes together: batches of records, and messages of the meta topic.
// Each has its own sender, so that a topic that refuses messages stops the other one only if there is no room for both.
type queues struct {
	records queue
	meta    queue
	limit   int64
}

func (q *queues) of(topic string) *queue {
	if topic == schema.TopicMeta {
		return &q.meta
	}
	return &q.records
}

func (q *queues) bytes() int64 { return q.records.bytes + q.meta.bytes }

func (q *queues) len() int { return q.records.len() + q.meta.len() }

// push appends m and gives the messages that it dropped for want of room, oldest first; m itself if no other can be dropped.
// It drops records, which become loss ranges, before messages of the meta topic, unless those take more than half of the room.
func (q *queues) push(m message.Message) []message.Message {
	q.of(m.Topic).append(m)
	var dropped []message.Message
	for q.bytes() > q.limit {
		from := &q.records
		if !from.droppable() || (q.meta.bytes > q.limit/2 && q.meta.droppable()) {
			from = &q.meta
		}
		dropped = append(dropped, from.drop())
	}
	return dropped
}

// queue holds messages in order. The first of them may have arrived: those in flight, and those whose answer did not come. They
// are not dropped, because their records would be both in Kafka and in a loss range.
type queue struct {
	messages []message.Message
	head     int
	inFlight int
	tried    int
	bytes    int64
	moving   bool // a message is on its way to the spool: nothing leaves for Kafka until it is there, or back
}

func (q *queue) len() int { return len(q.messages) - q.head }

func (q *queue) append(m message.Message) {
	q.messages = append(q.messages, m)
	q.bytes += m.Size()
}

// kept counts the messages that may have arrived.
func (q *queue) kept() int { return max(q.inFlight, q.tried) }

func (q *queue) droppable() bool { return q.len() > q.kept() }

// drop takes out the oldest message that cannot have arrived. Those that may have arrived move up by one.
func (q *queue) drop() message.Message {
	i := q.head + q.kept()
	m := q.messages[i]
	copy(q.messages[q.head+1:i+1], q.messages[q.head:i])
	q.advance(1)
	q.bytes -= m.Size()
	return m
}

// front gives the first messages that go to one partition in one request, at least one and together at most maxBytes, and
// marks them in flight.
func (q *queue) front(maxBytes int) []message.Message {
	if q.len() == 0 || q.moving {
		return nil
	}
	first, bytes, n := &q.messages[q.head], 0, 0
	for i := q.head; i < len(q.messages); i++ {
		m := &q.messages[i]
		if bytes += len(m.Value); n > 0 && (bytes > maxBytes || m.Topic != first.Topic || string(m.Key) != string(first.Key)) {
			break
		}
		n++
	}
	q.inFlight = n
	return append([]message.Message(nil), q.messages[q.head:q.head+n]...)
}

// done ends the flight: the first n messages leave.
func (q *queue) done(n int) {
	for i := q.head; i < q.head+n; i++ {
		q.bytes -= q.messages[i].Size()
	}
	q.advance(n)
	q.inFlight, q.tried = 0, max(q.tried-n, 0)
}

// back ends the flight without success. arrived says that the messages may have arrived all the same.
func (q *queue) back(arrived bool) {
	if arrived {
		q.tried = q.kept()
	}
	q.inFlight = 0
}

// take takes out the oldest message that is not in flight, for the spool. tried says that it may have arrived. placed ends it.
func (q *queue) take() (m message.Message, tried, ok bool) {
	switch {
	case q.moving:
		return m, false, false
	case q.inFlight == 0 && q.tried > 0 && q.len() > 0:
		m = q.messages[q.head]
		q.advance(1)
		q.bytes -= m.Size()
		q.tried--
		tried = true
	case !q.droppable():
		return m, false, false
	default:
		m = q.drop()
	}
	q.moving = true
	return m, tried, true
}

// placed ends the way of m to the spool. back says that it found no room there and stays at the front of those that can be dropped,
// or, if it was tried, of all.
func (q *queue) placed(m message.Message, tried, back bool) {
	q.moving = false
	if !back {
		return
	}
	at := q.head + q.kept()
	if tried {
		at = q.head
		q.tried++
	}
	q.messages = slices.Insert(q.messages, at, m)
	q.bytes += m.Size()
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
