// SPDX-License-Identifier: Apache-2.0

// Package judge decides what of a message can be believed. A message is its sender's claim: it may be malformed, contradict
// itself, or say what cannot be. The ingester stores what the judge leaves; `tcpledger decode` asks the same judge whether a dead
// letter would be stored today.
package judge

import (
	"fmt"
	"time"

	"tcpledger/schema"
)

// Message is a message as it came. Time is the broker's time of it, or the time at which it is read if the broker's is not
// known: the moments in it are measured by that.
type Message struct {
	Topic string
	Key   []byte
	Value []byte
	Time  time.Time
}

// Judge judges messages one after the other. It is reused and not safe for concurrent use.
type Judge struct {
	decoder *schema.BatchDecoder
	batch   schema.Batch
	numbers []number
	days    []int64

	// Of the numbers of a batch's ranges, one range behind the other: whether a row has it. first is where each range begins,
	// last the range of the last row.
	seen  []bool
	first []int
	last  int
}

// New makes a judge.
func New() *Judge { return &Judge{decoder: schema.NewBatchDecoder()} }

// Reject judges a message of any topic and gives the account of what is not to be stored.
func (j *Judge) Reject(m *Message) *Reject {
	var r Reject
	switch m.Topic {
	case schema.TopicEvents:
		j.Events(m, &r)
	case schema.TopicMeta:
		j.Meta(m, &r)
	case schema.TopicSymbols:
		j.Symbols(m, &r)
	case schema.TopicBuilds:
		j.Build(m, &r)
	default:
		r.Add(Topic, "a topic that is not read")
	}
	return &r
}

// Header reads the header of a message of the events topic of which only the beginning is there. The batch has no rows and is
// valid until the next call. Its ranges are empty unless they can be believed.
func (j *Judge) Header(m *Message) *schema.Batch {
	_ = j.decoder.Decode(m.Value, &j.batch) // the rows are cut off: an error is expected
	if string(m.Key) != j.batch.Host || badBoot(j.batch.BootID) != "" || !countable(j.batch.Ranges) {
		j.batch.Ranges = j.batch.Ranges[:0]
	}
	return &j.batch
}

// keyed notes a message whose key is not what it should be, and reports whether it is.
func keyed(m *Message, want string, r *Reject) bool {
	if string(m.Key) == want {
		return true
	}
	r.Add(Key, fmt.Sprintf("the key is %.64q, the message says %.64q", m.Key, want))
	return false
}

// decode reads a message with one of the schema's decoders. It gives nil and notes the error if the message is malformed.
func decode[M any](m *Message, read func([]byte) (*M, error), r *Reject) *M {
	decoded, err := read(m.Value)
	if err != nil {
		r.Add(Malformed, err.Error())
		return nil
	}
	return decoded
}
