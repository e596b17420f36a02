// SPDX-License-Identifier: Apache-2.0

package pressure

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
)

// storm makes connections of this machine until its end.
type storm struct {
	pause atomic.Int64 // between two rounds
	end   chan struct{}
	ended chan struct{}
}

const (
	round = 20 // connections at a time
	// calm is the pause that makes some 400 connections a second; without one the machine makes ten times as many and more.
	calm = 50 * time.Millisecond
)

func (s *stack) storm() *storm {
	s.t.Helper()
	l := lab.New(s.t)
	actor := l.A.Actor(s.t, "storm")
	out := &storm{end: make(chan struct{}), ended: make(chan struct{})}
	out.pause.Store(int64(calm))
	go func() {
		defer close(out.ended)
		for {
			select {
			case <-out.end:
				return
			case <-time.After(time.Duration(out.pause.Load())):
				actor.Storm(l.A.IPv4, round)
			}
		}
	}()
	return out
}

func (s *storm) full() { s.pause.Store(0) }
func (s *storm) calm() { s.pause.Store(int64(calm)) }

func (s *storm) stop() {
	close(s.end)
	<-s.ended
}

const (
	hosts = 10_000
	// perMessage rows of a made-up host are in a message, fleetRate messages come in a second: 20,000 rows.
	perMessage = 100
	fleetRate  = 200
)

// sender writes messages of made-up hosts, each host in its turn.
type sender struct {
	s      *stack
	writer *kafka.Writer
	sent   uint64 // messages
}

func (s *stack) sender() *sender {
	s.t.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(s.kafka.Addr()), Topic: schema.TopicEvents, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond,
		Balancer: kafka.Murmur2Balancer{}}
	s.t.Cleanup(func() { require.NoError(s.t, w.Close()) })
	return &sender{s: s, writer: w}
}

// send writes messages of the next hosts.
func (f *sender) send(n int) {
	f.s.t.Helper()
	var all []kafka.Message
	for range n {
		name := fmt.Sprintf("%s%05d", fleet, f.sent%hosts)
		all = append(all, kafka.Message{Key: []byte(name), Value: f.message(name, f.sent/hosts*perMessage)})
		f.sent++
	}
	require.NoError(f.s.t, f.writer.WriteMessages(f.s.t.Context(), all...))
}

// message has rows of one host, from a number on, that ended now.
func (f *sender) message(name string, first uint64) []byte {
	f.s.t.Helper()
	e := schema.NewBatchEncoder()
	for i := range uint64(perMessage) {
		e.AddConnection(&schema.Connection{Identity: schema.Identity{Seq: first + i, At: uint64(time.Hour), Weight: 1}, Flavour: schema.FlavourTCP,
			Evidence: schema.Evidence{FirstFin: schema.SideLocal, LastState: schema.StateLastAck, Flags: schema.FlagFinReceived}})
	}
	message, _, err := e.Finish(&schema.Header{Host: name, BootID: "6f1c9a3e-0000-4000-8000-000000000001", Session: 1, Run: 1,
		Clock: schema.Clock{Offset: time.Now().Add(-time.Hour).UnixNano()}})
	require.NoError(f.s.t, err)
	return message
}

// pour sends at fleetRate for that long.
func (f *sender) pour(length time.Duration) {
	f.s.t.Helper()
	const pieces = 10 // of a second
	for began, n := time.Now(), 0; time.Since(began) < length; n++ {
		f.send(fleetRate / pieces)
		time.Sleep(time.Until(began.Add(time.Duration(n+1) * time.Second / pieces)))
	}
}

// awaitAll waits until every row that was sent is in the table.
func (f *sender) awaitAll() {
	f.s.t.Helper()
	f.s.until("the rows of the fleet", func() bool {
		return f.s.stored("SELECT count() FROM tcpledger.connections WHERE startsWith(host, ?)", fleet) >= f.sent*perMessage
	})
}
