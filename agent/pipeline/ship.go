// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"time"

	"tcpledger/agent/batch"
	"tcpledger/agent/publish"
	"tcpledger/agent/stacks"
	"tcpledger/schema"
)

const (
	// metaStacks closes a message of stacks by count, so that full ones of 48 frames, each 60 to 110 bytes, stay under a batch's
	// 256 KiB; its age is that of a batch.
	metaStacks = 50
	// metaEvery is how often a host says again what it is.
	metaEvery = uint64(3600e9)
	// lossRows bounds the loss ranges told in one batch.
	lossRows = 500
)

// Shipping is what a Ship needs. Header holds the host, boot id, session and run; Facts describe the host.
type Shipping struct {
	Header    schema.Header
	Release   string
	Facts     schema.HostFacts
	Limits    batch.Limits
	Publisher *publish.Publisher
	Symbols   *stacks.Publisher
}

// Ship is the Sink to Kafka: records go in batches to the events topic, stacks and what the host is to the meta topic.
type Ship struct {
	Shipping
	batch     *batch.Batch
	stacks    []schema.Stack
	stackedAt uint64
	toldAt    uint64 // when the host was described last; 0: not yet
	metaLost  uint64 // messages of the meta topic that were dropped so far
}

// NewShip makes a Ship.
func NewShip(s Shipping) *Ship {
	return &Ship{Shipping: s, batch: batch.New(s.Limits, s.Header)}
}

// Connection adds a row to the batch.
func (s *Ship) Connection(c *schema.Connection, now uint64) error {
	s.batch.Connection(c, now)
	return s.close(now)
}

// Event adds a row to the batch.
func (s *Ship) Event(e *schema.Event, now uint64) error {
	s.batch.Event(e, now)
	return s.close(now)
}

// Loss adds a row to the batch.
func (s *Ship) Loss(l *schema.Loss, now uint64) error {
	s.batch.Loss(l, now)
	return s.close(now)
}

// Checkpoint adds a row to the batch.
func (s *Ship) Checkpoint(c *schema.Checkpoint, now uint64) error {
	s.batch.Checkpoint(c, now)
	return s.close(now)
}

// Stack queues a stack and asks for the symbols of its builds.
func (s *Ship) Stack(stack *schema.Stack, now uint64) error {
	if len(s.stacks) == 0 {
		s.stackedAt = now
	}
	s.stacks = append(s.stacks, *stack)
	s.Symbols.Need(stack)
	if len(s.stacks) >= metaStacks {
		return s.tellStacks()
	}
	return nil
}

// Tick sends what is old enough. An empty batch takes the losses of what the queue had to drop.
func (s *Ship) Tick(now uint64) error {
	if s.toldAt == 0 || now >= s.toldAt+metaEvery {
		if err := s.tell(s.Facts, nil); err != nil {
			return err
		}
		s.toldAt = now
	}
	if len(s.stacks) > 0 && now >= s.stackedAt+uint64(s.Limits.Age) {
		if err := s.tellStacks(); err != nil {
			return err
		}
	}
	if s.batch.Records() == 0 {
		s.addLosses(now)
	}
	return s.close(now)
}

// Forgot reports whether a message of the meta topic was dropped since it was asked last. The host is described again.
func (s *Ship) Forgot() bool {
	lost := s.Publisher.Dropped(schema.TopicMeta)
	if lost == s.metaLost {
		return false
	}
	s.metaLost, s.toldAt = lost, 0
	return true
}

// Finish sends all that is left and ends the queue. Where the queue overflows by that, the losses are told a few times;
// what is still untold then is missing without a loss range, and the account of the session stays open.
func (s *Ship) Finish(now uint64) error {
	defer s.Publisher.Finish()
	if err := s.tellStacks(); err != nil {
		return err
	}
	for range 3 {
		s.addLosses(now)
		if err := s.send(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Ship) addLosses(now uint64) {
	for _, l := range s.Publisher.TakeLosses(min(lossRows, s.Limits.Records)) {
		s.batch.Loss(&l, now)
	}
}

func (s *Ship) close(now uint64) error {
	if !s.batch.Due(now) {
		return nil
	}
	return s.send()
}

func (s *Ship) send() error {
	m, ok, err := s.batch.Take()
	if err != nil || !ok {
		return err
	}
	s.Publisher.Offer(publish.Message{Topic: schema.TopicEvents, Key: []byte(s.Header.Host), Value: m.Value, Ranges: m.Ranges,
		Losses: m.Losses, Records: m.Records, Checkpoints: m.Checkpoints, At: m.At})
	return nil
}

func (s *Ship) tellStacks() error {
	if len(s.stacks) == 0 {
		return nil
	}
	told := s.stacks
	s.stacks = nil
	return s.tell(schema.HostFacts{}, told)
}

// tell queues a message of the meta topic.
func (s *Ship) tell(facts schema.HostFacts, told []schema.Stack) error {
	value, err := schema.EncodeMeta(&schema.Meta{Host: s.Header.Host, BootID: s.Header.BootID, Session: s.Header.Session, Run: s.Header.Run,
		At: time.Now().UnixNano(), KernelRelease: s.Release, Agent: facts, Stacks: told})
	if err != nil {
		return fmt.Errorf("encode a message of %s: %w", schema.TopicMeta, err)
	}
	s.Publisher.Offer(publish.Message{Topic: schema.TopicMeta, Key: []byte(s.Header.Host), Value: value})
	return nil
}
