// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"fmt"
	"time"

	"tcpledger/agent/batch"
	"tcpledger/agent/journal"
	"tcpledger/agent/message"
	"tcpledger/agent/publish"
	"tcpledger/agent/symbols"
	"tcpledger/schema"
)

const (
	// maxMetaStacks closes a message of stacks by count: full ones of 48 frames, each 60 to 110 bytes, stay under a batch's
	// 256 KiB. Its age is that of a batch.
	maxMetaStacks = 50
	// describeEvery is how often, in kernel time, the meta topic gets the host's description again.
	describeEvery = uint64(3600e9)
	// maxLossRows bounds the loss ranges of dropped messages in one batch.
	maxLossRows = 500
)

// KafkaConfig has all that a Kafka sink needs. Header holds the host, boot id, session and run.
type KafkaConfig struct {
	Header    schema.Header
	Release   string           // the kernel's
	Facts     schema.HostFacts // describe the host, once the hooks are attached
	Limits    batch.Limits
	Publisher *publish.Publisher
	Symbols   *symbols.Uploader
	Journal   *journal.Journal // nil: no run goes on with the session
	// More says that another sink follows: Finish leaves the queue open.
	More bool
}

// Kafka is the sink to Kafka: records go in batches to the events topic, stacks and the host's description to the meta topic.
// It is for one goroutine.
type Kafka struct {
	config      KafkaConfig
	batch       *batch.Batch
	stacks      []schema.Stack
	firstStack  uint64 // kernel time of the first of stacks
	describedAt uint64 // kernel time of the last description; 0: none yet
	metaDropped uint64 // messages of the meta topic that the queue has dropped so far
}

// NewKafka makes a Kafka sink.
func NewKafka(c KafkaConfig) *Kafka { return &Kafka{config: c, batch: batch.New(c.Limits, c.Header)} }

// Connection adds a row to the batch.
func (k *Kafka) Connection(c *schema.Connection, now uint64) error {
	k.batch.Connection(c, now)
	return k.sendDue(now)
}

// Event adds a row to the batch.
func (k *Kafka) Event(e *schema.Event, now uint64) error {
	k.batch.Event(e, now)
	return k.sendDue(now)
}

// Loss adds a row to the batch.
func (k *Kafka) Loss(l *schema.Loss, now uint64) error {
	k.batch.Loss(l, now)
	return k.sendDue(now)
}

// Checkpoint adds a row to the batch.
func (k *Kafka) Checkpoint(c *schema.Checkpoint, now uint64) error {
	k.batch.Checkpoint(c, now)
	return k.sendDue(now)
}

// Stack queues a stack and asks for the symbols of its builds.
func (k *Kafka) Stack(s *schema.Stack, now uint64) error {
	if len(k.stacks) == 0 {
		k.firstStack = now
	}
	k.stacks = append(k.stacks, *s)
	k.config.Symbols.Need(s)
	if len(k.stacks) >= maxMetaStacks {
		return k.sendStacks()
	}
	return nil
}

// Tick sends the batch and the stacks that are old enough. An empty batch takes the losses of the messages that the queue dropped.
func (k *Kafka) Tick(now uint64) error {
	if k.describedAt == 0 || now >= k.describedAt+describeEvery {
		if err := k.sendMeta(k.config.Facts, nil); err != nil {
			return err
		}
		k.describedAt = now
	}
	if len(k.stacks) > 0 && now >= k.firstStack+uint64(k.config.Limits.Age) {
		if err := k.sendStacks(); err != nil {
			return err
		}
	}
	if k.batch.Records() == 0 {
		k.addLosses(now)
	}
	return k.sendDue(now)
}

// StacksLost reports whether the queue has dropped a message of the meta topic since the last call. The host is described
// again then.
func (k *Kafka) StacksLost() bool {
	dropped := k.config.Publisher.Dropped(schema.TopicMeta)
	if dropped == k.metaDropped {
		return false
	}
	k.metaDropped, k.describedAt = dropped, 0
	return true
}

// Finish sends all that is left and ends the queue. If the queue overflows by that, the losses are sent a few times; those that
// remain then have no loss range, and the numbers of the session stay unaccounted for.
func (k *Kafka) Finish(now uint64) error {
	if !k.config.More {
		defer k.config.Publisher.Finish()
	}
	if err := k.sendStacks(); err != nil {
		return err
	}
	for range 3 {
		k.addLosses(now)
		if err := k.sendBatch(); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kafka) addLosses(now uint64) {
	for _, l := range k.config.Publisher.TakeLosses(min(maxLossRows, k.config.Limits.Records)) {
		k.batch.Loss(&l, now)
	}
}

func (k *Kafka) sendDue(now uint64) error {
	if !k.batch.Due(now) {
		return nil
	}
	return k.sendBatch()
}

func (k *Kafka) sendBatch() error {
	m, ok, err := k.batch.Take()
	if err != nil || !ok {
		return err
	}
	k.offer(m)
	return nil
}

// offer queues a message. The journal has it before, so that the next run sends it again if this one dies.
func (k *Kafka) offer(m message.Message) {
	k.config.Journal.Add(&m)
	k.config.Publisher.Offer(m)
}

func (k *Kafka) sendStacks() error {
	if len(k.stacks) == 0 {
		return nil
	}
	stacks := k.stacks
	k.stacks = nil
	return k.sendMeta(schema.HostFacts{}, stacks)
}

// sendMeta queues a message of the meta topic.
func (k *Kafka) sendMeta(facts schema.HostFacts, stacks []schema.Stack) error {
	h := &k.config.Header
	value, err := schema.EncodeMeta(&schema.Meta{Host: h.Host, BootID: h.BootID, Session: h.Session, Run: h.Run,
		At: time.Now().UnixNano(), KernelRelease: k.config.Release, Agent: facts, Stacks: stacks})
	if err != nil {
		return fmt.Errorf("encode a message of %s: %w", schema.TopicMeta, err)
	}
	k.offer(message.Message{Topic: schema.TopicMeta, Key: []byte(h.Host), Value: value})
	return nil
}
