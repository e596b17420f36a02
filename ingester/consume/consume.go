// SPDX-License-Identifier: Apache-2.0

// Package consume reads the topics as a member of a consumer group. What it hands on belongs to one generation of the
// group: at a rebalance the generation ends, what was not committed is dropped and read again by whoever has the partition
// then.
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

	"tcpledger/internal/program"
)

// Config says what to read and how. Transport and Dialer are the consumer's alone.
type Config struct {
	Brokers   []string
	Group     string
	Topics    []string
	Transport *kafka.Transport
	Dialer    *kafka.Dialer
	Log       *slog.Logger
	Outage    *program.Outage
	Registry  prometheus.Registerer
}

const (
	// sessionTimeout is how long a member that died keeps its partitions.
	sessionTimeout    = 10 * time.Second
	heartbeatInterval = time.Second
	rebalanceTimeout  = 10 * time.Second
	joinPause         = 500 * time.Millisecond
	partitionWatch    = 10 * time.Second
	// metadataAge bounds how late a new leader or a topic that was just made is noticed.
	metadataAge = 2 * time.Second
	topicPause  = time.Second
)

// Message is one message of a topic. SentAt is the sender's wall clock when it sent it, in nanoseconds since 1970, 0 where
// the message does not say. Key and Value are the receiver's to keep.
type Message struct {
	Topic     string
	Partition int
	Offset    int64
	Key       []byte
	Value     []byte
	SentAt    int64
	ClockOff  bool // the sender's clock was more than an hour off the broker's
}

// Consumer is a member of the group.
type Consumer struct {
	config  Config
	client  *kafka.Client
	group   *kafka.ConsumerGroup // nil until the topics are there
	metrics *metrics
}

// New makes a consumer; it joins the group at the first Next.
func New(config Config) *Consumer {
	config.Transport.MetadataTTL = metadataAge
	return &Consumer{
		config:  config,
		client:  &kafka.Client{Addr: kafka.TCP(config.Brokers...), Transport: config.Transport},
		metrics: newMetrics(config.Registry),
	}
}

// Next joins the group, again after a rebalance, and returns the generation of which this consumer is a member now. It tries
// for ever: while Kafka is away, while the group's coordinator is not ready, while topics are missing. The caller reads from
// one generation until it ends, then calls Next again.
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
			return c.start(joined), nil
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

// join waits for the topics and begins to join the group.
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
		return program.UsageError(fmt.Errorf("--group: %w", err))
	}
	c.group = group
	return nil
}

// awaitTopics returns once all topics exist. It asks without making them: a broker would make them with its defaults.
func (c *Consumer) awaitTopics(ctx context.Context) error {
	said := ""
	for {
		missing, err := c.missingTopics(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			c.config.Outage.Failing(err)
		case len(missing) == 0:
			c.config.Outage.Recovered()
			return nil
		default:
			text := strings.Join(missing, ", ")
			if text != said {
				c.config.Outage.Recovered() // Kafka is there; what is missing is said
			}
			said = text
			c.config.Outage.Failing(fmt.Errorf("topics are missing, run `tcpledger topics --apply`: %s", text))
		}
		if !sleep(ctx, topicPause) {
			return ctx.Err()
		}
	}
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

// Close leaves the group, so that others take the partitions at once, and ends the current generation.
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

// sleep waits; false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
