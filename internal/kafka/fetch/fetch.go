// SPDX-License-Identifier: Apache-2.0

// Package fetch reads batches of messages from Kafka within bounds. kafka-go allocates by the counts that a batch claims and
// unpacks a batch whole, so that a few kilobytes on a topic end every process that reads them. Here the answer to a fetch
// stays raw bytes, and a batch is unpacked one record after the other: a reader holds one answer and one record.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	fetchapi "github.com/segmentio/kafka-go/protocol/fetch"
)

// MaxAnswer bounds the bytes of one answer. A broker sends at least one whole batch, however few bytes were asked for; a batch
// that is larger than MaxAnswer is unreadable.
const MaxAnswer = 16 << 20

// Client asks the leaders of partitions for messages. It is safe for concurrent use.
type Client struct {
	Addr      net.Addr
	Transport *kafka.Transport
}

// Request says what to ask for. MaxBytes bounds the answer unless its first batch is larger; MaxWait is how long the broker
// waits for a message.
type Request struct {
	Topic     string
	Partition int
	Offset    int64
	MaxBytes  int
	MaxWait   time.Duration
}

// Answer is what the leader sent. Records holds the batches as they are on the wire: see Batches. The last one may be cut
// short.
type Answer struct {
	HighWatermark int64
	LogStart      int64
	Records       []byte
	TooLarge      bool // Records is only the beginning of an answer of more than MaxAnswer bytes
}

// buffers are those of answers that were released. Without them each answer is garbage of its size, and a collector that is slow
// lets the heap grow by one for each partition.
var buffers sync.Pool

// Release gives the memory of Records to another answer. The batches of the answer cannot be read any more; their records can.
func (a *Answer) Release() {
	if records := a.Records; cap(records) > 0 {
		a.Records = nil
		buffers.Put(&records)
	}
}

// buffer gives n bytes, those of a released answer if they are enough.
func buffer(n int64) []byte {
	if b, ok := buffers.Get().(*[]byte); ok && int64(cap(*b)) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

// slack is what a broker may take to answer beyond MaxWait.
const slack = 30 * time.Second

// Fetch asks once. Its error is the broker's (a kafka.Error) or that of the connection.
func (c *Client) Fetch(ctx context.Context, r Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.MaxWait+slack)
	defer cancel()
	exchange := &exchange{Request: &fetchapi.Request{
		ReplicaID: -1, MaxWaitTime: int32(r.MaxWait.Milliseconds()), MinBytes: 1, MaxBytes: int32(r.MaxBytes), SessionID: -1, SessionEpoch: -1,
		Topics: []fetchapi.RequestTopic{{Topic: r.Topic, Partitions: []fetchapi.RequestPartition{{
			Partition: int32(r.Partition), CurrentLeaderEpoch: -1, FetchOffset: r.Offset, LogStartOffset: -1, PartitionMaxBytes: int32(r.MaxBytes),
		}}}},
	}}
	got, err := c.Transport.RoundTrip(ctx, c.Addr, exchange)
	var large *largeError
	if errors.As(err, &large) {
		return &large.answer, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	answer := got.(*raw)
	if answer.code != 0 {
		return nil, kafka.Error(answer.code)
	}
	return &answer.Answer, nil
}

// exchange is a fetch request that reads its answer itself. kafka-go finds the leader and the connection.
type exchange struct {
	*fetchapi.Request
	version int16
}

var (
	_ protocol.RawExchanger  = (*exchange)(nil)
	_ protocol.BrokerMessage = (*exchange)(nil)
)

// Required keeps the version of the protocol that the connection speaks.
func (e *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[protocol.Fetch]
	return true
}
