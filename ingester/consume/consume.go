// SPDX-License-Identifier: Apache-2.0

// Package consume reads the topics as a member of a consumer group. Its messages belong to one generation of the group. A
// rebalance ends the generation: the messages that were not committed are dropped, and the next owner of the partition reads
// them again.
package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/program"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// Config says what to read and how. Transport and Dialer are the consumer's alone. MaxBatch bounds the bytes that a batch of
// messages may unpack to. Rewind, if not nil, is asked after each join: it names the topics to read from their beginning, since
// what was read of them is not stored any more.
type Config struct {
	Brokers   []string
	Group     string
	Topics    []string
	MaxBatch  int64
	Rewind    func(ctx context.Context) ([]string, error)
	Transport *kafka.Transport
	Dialer    *kafka.Dialer
	Log       *slog.Logger
	Outage    *program.Outage
	Registry  prometheus.Registerer
}

const (
	// sessionTimeout is how long a dead member keeps its partitions.
	sessionTimeout    = 10 * time.Second
	heartbeatInterval = time.Second
	rebalanceTimeout  = 10 * time.Second
	joinPause         = 500 * time.Millisecond
	partitionWatch    = 10 * time.Second
	// maxBesideValue bounds the key and the headers of a message.
	maxBesideValue = 64 << 10
	// metadataAge bounds how late the consumer notices a new leader or a new topic.
	metadataAge = 2 * time.Second
)

// topicPolicy is the pause between two looks for missing topics.
var topicPolicy = retry.Policy{First: time.Second}

// Message is one message of a topic, or a run of messages that nobody can read. Last is its last offset, which is Offset unless
// Unreadable says why the messages from Offset to Last cannot be read. Value is then the beginning of the batch, or of the
// message that is too large, and Key is nil if it is not known. Appended is the broker's time of the message, zero if the topic
// has the senders' times. SentAt is the sender's wall clock when it sent the message, in nanoseconds since 1970; 0 if the
// message does not say. The receiver may keep Key and Value.
type Message struct {
	Topic      string
	Partition  int
	Offset     int64
	Last       int64
	Key        []byte
	Value      []byte
	Appended   time.Time
	SentAt     int64
	ClockOff   bool // the sender's clock was more than an hour off the broker's
	Unreadable error
}

// maxClockOff is how far a sender's clock may be off the broker's.
const maxClockOff = time.Hour

// clockOff compares the sender's clock with the broker's time of the message, if both are known.
func (m *Message) clockOff() bool {
	if m.SentAt == 0 || m.Appended.IsZero() {
		return false
	}
	off := m.Appended.Sub(time.Unix(0, m.SentAt))
	return off > maxClockOff || off < -maxClockOff
}

// Consumer is a member of the group.
type Consumer struct {
	config  Config
	client  *kafka.Client
	reader  *fetch.Client
	limits  fetch.Limits
	group   *kafka.ConsumerGroup // nil until the topics are there
	metrics *metrics
}

// New makes a consumer; it joins the group at the first Next.
func New(config Config) *Consumer {
	config.Transport.MetadataTTL = metadataAge
	addr := kafka.TCP(config.Brokers...)
	return &Consumer{
		config:  config,
		client:  &kafka.Client{Addr: addr, Transport: config.Transport},
		reader:  &fetch.Client{Addr: addr, Transport: config.Transport},
		limits:  fetch.Limits{BatchBytes: config.MaxBatch, RecordBytes: schema.MaxMessageBytes + maxBesideValue},
		metrics: newMetrics(config.Registry, config.Topics),
	}
}

// Next joins the group and returns the generation that this consumer is a member of now. It tries for ever while Kafka is
// away, the group's coordinator is not ready or topics are missing; its error is ctx's or that of a wrong group name. The
// caller reads from one generation until it ends, then calls Next again.
func (c *Consumer) Next(ctx context.Context) (*Generation, error) {
	for {
		if c.group == nil {
			if err := c.join(ctx); err != nil {
				return nil, err
			}
		}
		joined, err := c.group.Next(ctx)
		if err == nil {
			c.config.Outage.Recovered()
			c.metrics.generations.Inc()
			o, err := c.origins(ctx, joined)
			if err != nil {
				return nil, err
			}
			return c.start(joined, o), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, kafka.RebalanceInProgress) {
			continue
		}
		c.config.Outage.Failing(fmt.Errorf("join group %s: %w", c.config.Group, err))
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			if err := c.Close(); err != nil {
				return nil, err
			}
		}
	}
}

// join waits for the topics and makes the member of the group.
func (c *Consumer) join(ctx context.Context) error {
	if err := c.awaitTopics(ctx); err != nil {
		return err
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                     c.config.Group,
		Brokers:                c.config.Brokers,
		Dialer:                 c.config.Dialer,
		Topics:                 c.config.Topics,
		StartOffset:            kafka.FirstOffset,
		HeartbeatInterval:      heartbeatInterval,
		SessionTimeout:         sessionTimeout,
		RebalanceTimeout:       rebalanceTimeout,
		JoinGroupBackoff:       joinPause,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: partitionWatch,
	})
	if err != nil {
		return program.UsageError(fmt.Errorf("--kafka-group: %w", err))
	}
	c.group = group
	return nil
}

// awaitTopics returns once all topics exist. It does not make them: a broker would use its defaults.
func (c *Consumer) awaitTopics(ctx context.Context) error {
	outage := &topicsOutage{Outage: c.config.Outage}
	return retry.Until(ctx, topicPolicy, outage, func(ctx context.Context) error {
		missing, err := c.missingTopics(ctx)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return &missingError{strings.Join(missing, ", ")}
		}
		return nil
	})
}

// missingError says which topics are missing.
type missingError struct{ topics string }

// Error names the topics and the command that makes them.
func (e *missingError) Error() string {
	return "topics are missing, run `tcpledger topics --apply`: " + e.topics
}

// topicsOutage begins a new outage when Kafka answers that topics are missing, so that the log says which.
type topicsOutage struct {
	*program.Outage
	missing string
}

// Failing hears of a failure to ask or of missing topics.
func (o *topicsOutage) Failing(err error) {
	var missing *missingError
	if errors.As(err, &missing) && missing.topics != o.missing {
		o.missing = missing.topics
		o.Recovered()
	}
	o.Outage.Failing(err)
}

func (c *Consumer) missingTopics(ctx context.Context) ([]string, error) {
	metadata, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: c.config.Topics})
	if err != nil {
		return nil, fmt.Errorf("ask for the topics: %w", err)
	}
	var missing []string
	for _, t := range metadata.Topics {
		if errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
			missing = append(missing, t.Name)
		} else if t.Error != nil {
			return nil, fmt.Errorf("ask for topic %s: %w", t.Name, t.Error)
		}
	}
	return missing, nil
}

// Close leaves the group and ends the current generation. Other members get the partitions at once.
func (c *Consumer) Close() error {
	if c.group == nil {
		return nil
	}
	err := c.group.Close()
	c.group = nil
	c.config.Transport.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("leave group %s: %w", c.config.Group, err)
	}
	return nil
}
