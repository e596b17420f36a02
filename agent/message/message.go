// SPDX-License-Identifier: Apache-2.0

// Package message has the messages that the agent sends to Kafka: batch makes them, publish queues and sends them.
package message

import "tcpledger/schema"

// Message is one Kafka message. Ranges are the numbers of its rows and Losses the loss rows in it; both are counted if the
// message is dropped. ID is the journal's, 0 for none. At is the kernel time of its first row. Its slices belong to whoever holds the message.
type Message struct {
	ID          uint64
	Topic       string
	Key         []byte
	Value       []byte
	Ranges      []schema.Range
	Losses      []schema.Loss
	Records     int
	Checkpoints int
	At          uint64
}

// overhead is about the memory of a message beside its slices.
const overhead = 256

// Size is about how many bytes of memory the message takes.
func (m *Message) Size() int64 {
	return int64(len(m.Key) + len(m.Value) + 24*len(m.Ranges) + 56*len(m.Losses) + overhead)
}

// Numbered counts the numbers in the ranges.
func (m *Message) Numbered() uint64 {
	n := uint64(0)
	for _, r := range m.Ranges {
		n += r.To - r.From + 1
	}
	return n
}
