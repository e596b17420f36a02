// SPDX-License-Identifier: Apache-2.0

package publish

import "tcpledger/schema"

// Message is one Kafka message. Ranges are the numbers of its rows, Losses the loss rows in it: what must be counted if
// the message is dropped. At is the kernel time of its first row.
type Message struct {
	Topic       string
	Key         []byte
	Value       []byte
	Ranges      []schema.Range
	Losses      []schema.Loss
	Records     int
	Checkpoints int
	At          uint64
}

// messageOverhead is about what a queued message takes beside its slices.
const messageOverhead = 256

func (m *Message) size() int64 {
	return int64(len(m.Key) + len(m.Value) + 24*len(m.Ranges) + 56*len(m.Losses) + messageOverhead)
}

// numbered counts the numbers in the ranges.
func (m *Message) numbered() uint64 {
	n := uint64(0)
	for _, r := range m.Ranges {
		n += r.To - r.From + 1
	}
	return n
}
