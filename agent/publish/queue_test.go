// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// sample is a message that holds the numbers from..to of a stream.
func sample(stream uint32, from, to uint64) message.Message {
	return message.Message{Topic: schema.TopicEvents, Key: []byte("web-1"), Value: make([]byte, 1000), Records: int(to - from + 1), At: from,
		Ranges: []schema.Range{{Stream: stream, From: from, To: to}}}
}

func meta() message.Message {
	return message.Message{Topic: schema.TopicMeta, Key: []byte("web-1"), Value: make([]byte, 500)}
}

func TestOldestBatchIsDroppedFirst(t *testing.T) {
	one := sample(0, 0, 0)
	q := queues{limit: 3 * one.Size()}
	require.Empty(t, q.push(meta()))
	require.Empty(t, q.push(sample(0, 1, 1)))
	require.Empty(t, q.push(sample(0, 2, 2)))
	require.Equal(t, []message.Message{sample(0, 1, 1)}, q.push(sample(0, 3, 3)), "not the older message without records")
	require.Equal(t, []message.Message{meta()}, q.meta.front(1<<20))
	require.Equal(t, []message.Message{sample(0, 2, 2), sample(0, 3, 3)}, q.records.front(1<<20))
}

// Stacks that find no way to Kafka leave half of the room to the records.
func TestMetaTakesHalfAtMost(t *testing.T) {
	m := meta()
	q := queues{limit: 10 * m.Size()}
	for range 10 {
		require.Empty(t, q.push(m))
	}
	require.Equal(t, []message.Message{m, m}, q.push(sample(0, 0, 0)))
	for n := uint64(1); n < 20; n++ {
		q.push(sample(0, n, n))
	}
	require.Equal(t, 5, q.meta.len())
	require.Equal(t, uint64(19), q.records.messages[len(q.records.messages)-1].At)
	require.Greater(t, q.records.bytes, q.limit/4)
}

func TestInFlightIsNotDropped(t *testing.T) {
	one := sample(0, 0, 0)
	q := queues{limit: 2 * one.Size()}
	q.push(sample(0, 1, 1))
	require.Len(t, q.records.front(1<<20), 1)
	q.push(sample(0, 2, 2))
	require.Equal(t, []message.Message{sample(0, 2, 2)}, q.push(sample(0, 3, 3)))
	q.records.back(true)
	require.Equal(t, []message.Message{sample(0, 3, 3)}, q.push(sample(0, 4, 4)), "no answer: it may be there")
	require.Equal(t, []message.Message{sample(0, 1, 1)}, q.records.front(1))
	q.records.back(false)
	require.Equal(t, []message.Message{sample(0, 4, 4)}, q.push(sample(0, 5, 5)), "that this try failed says nothing of the one before")
	require.Equal(t, []message.Message{sample(0, 1, 1)}, q.records.front(1))
	q.records.done(1)
	require.Len(t, q.records.front(1<<20), 1)
	q.records.back(false)
	require.Empty(t, q.push(sample(0, 6, 6)))
	require.Equal(t, []message.Message{sample(0, 5, 5)}, q.push(sample(0, 7, 7)), "refused: it is not there")
}

func TestFrontIsOnePartitionAndBounded(t *testing.T) {
	var q queue
	for i := range uint64(3) {
		q.append(sample(0, i, i))
	}
	other := sample(0, 9, 9)
	other.Key = []byte("web-2")
	q.append(other)
	q.append(sample(0, 10, 10))
	require.Len(t, q.front(2000), 2)
	q.done(2)
	require.Len(t, q.front(3000), 1, "the next has another key")
	q.done(1)
	require.Equal(t, []message.Message{other}, q.front(1), "one always goes")
	q.done(1)
	require.Equal(t, []message.Message{sample(0, 10, 10)}, q.front(2000))
	q.done(1)
	require.Empty(t, q.front(2000))
	require.Zero(t, q.bytes)
}

// TestQueueAgainstModel: in any order of events each message is delivered or dropped exactly once, in order, within the limit.
func TestQueueAgainstModel(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 3))
		q := queues{limit: 20_000}
		seen := map[uint64]int{}
		pushed, lastOut := uint64(0), uint64(0)
		out := func(ms []message.Message) {
			for _, m := range ms {
				if len(m.Ranges) > 0 {
					seen[m.Ranges[0].From]++
				}
			}
		}
		for range 1000 {
			switch p := rng.IntN(10); {
			case p < 6:
				pushed++
				out(q.push(sample(0, pushed, pushed)))
			case p < 7:
				out(q.push(meta()))
			default:
				one := q.of([]string{schema.TopicEvents, schema.TopicMeta}[rng.IntN(2)])
				batch := one.front(rng.IntN(4000))
				for range rng.IntN(5) {
					pushed++
					out(q.push(sample(0, pushed, pushed)))
				}
				if rng.IntN(2) == 0 {
					one.back(rng.IntN(2) == 0)
					continue
				}
				out(batch)
				for _, m := range batch {
					if len(m.Ranges) > 0 {
						require.Greater(t, m.Ranges[0].From, lastOut)
						lastOut = m.Ranges[0].From
					}
				}
				one.done(len(batch))
			}
			require.LessOrEqual(t, q.bytes(), q.limit)
		}
		for _, one := range []*queue{&q.records, &q.meta} {
			for one.len() > 0 {
				batch := one.front(5000)
				out(batch)
				one.done(len(batch))
			}
		}
		require.Zero(t, q.bytes())
		require.Len(t, seen, int(pushed))
		for n, times := range seen {
			require.Equal(t, 1, times, "message %d", n)
		}
	}
}
