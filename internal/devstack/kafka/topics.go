// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"

	kafkago "github.com/segmentio/kafka-go"
)

// Topic is a topic to create.
type Topic struct {
	Name       string
	Partitions int
	// Configs are Kafka's own topic configurations.
	Configs map[string]string
}

// EnsureTopics creates the topics that are not there yet on the broker at addr; those that are stay as they are.
func EnsureTopics(ctx context.Context, addr string, topics []Topic) error {
	transport := new(kafkago.Transport)
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(addr), Transport: transport}
	request := &kafkago.CreateTopicsRequest{}
	for _, topic := range topics {
		config := kafkago.TopicConfig{Topic: topic.Name, NumPartitions: topic.Partitions, ReplicationFactor: 1}
		for name, value := range topic.Configs {
			config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
		}
		request.Topics = append(request.Topics, config)
	}
	response, err := client.CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	for topic, err := range response.Errors {
		if err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
			return fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	return nil
}

// answers returns nil when a Kafka broker answers at addr.
func answers(ctx context.Context, addr string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	conn := kafkago.NewConn(connection, "", 0)
	defer func() { _ = conn.Close() }() // nothing is left to read
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	_, err = conn.Brokers()
	return err
}
