// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/retry"
	"tcpledger/schema"
)

// BrokersChoice as a replication factor leaves it to the brokers' default (default.replication.factor).
const BrokersChoice = -1

// metadataAge is how old the answer about a topic may be: the caller may have just changed it.
const metadataAge = 50 * time.Millisecond

// leadersEvery is how often the brokers are asked whether each partition has a leader.
var leadersEvery = retry.Policy{First: 50 * time.Millisecond, Max: time.Second}

// NewClient makes a client for Ensure, Inspect and Alter; done gives its connections back. An error is one of the flags.
func NewClient(flags *kafkaconn.Flags) (client *kafka.Client, done func(), err error) {
	transport, err := flags.Transport("tcpledger-topics")
	if err != nil {
		return nil, nil, err
	}
	transport.MetadataTTL = metadataAge
	return &kafka.Client{Addr: kafka.TCP(flags.Brokers...), Transport: transport}, transport.CloseIdleConnections, nil
}

// Ensure creates those of wanted that are missing and returns once each partition has a leader, or ctx ends. Topics that
// are there stay as they are. Two that run at once do no harm.
func Ensure(ctx context.Context, client *kafka.Client, wanted []schema.Topic, replication int) error {
	states, err := Inspect(ctx, client, wanted)
	if err != nil {
		return err
	}
	if err := create(ctx, client, states, replication); err != nil {
		return err
	}
	if err := waitLeaders(ctx, client, wanted); err != nil {
		return err
	}
	return finish(ctx, client, wanted, states)
}

// finish sets what follows from the number of copies that the brokers chose for the topics that were created.
func finish(ctx context.Context, client *kafka.Client, wanted []schema.Topic, before []State) error {
	var created []schema.Topic
	for i := range before {
		if before[i].Missing() {
			created = append(created, wanted[i])
		}
	}
	if len(created) == 0 {
		return nil
	}
	states, err := Inspect(ctx, client, created)
	if err != nil {
		return err
	}
	return Alter(ctx, client, states)
}

func create(ctx context.Context, client *kafka.Client, states []State, replication int) error {
	request := &kafka.CreateTopicsRequest{}
	for i := range states {
		if !states[i].Missing() {
			continue
		}
		want := states[i].Want
		topic := kafka.TopicConfig{Topic: want.Name, NumPartitions: want.Partitions, ReplicationFactor: replication}
		for _, name := range slices.Sorted(maps.Keys(want.Configs)) {
			topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: want.Configs[name]})
		}
		request.Topics = append(request.Topics, topic)
	}
	if len(request.Topics) == 0 {
		return nil
	}
	response, err := client.CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(response.Errors)) {
		if err := response.Errors[name]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}

func waitLeaders(ctx context.Context, client *kafka.Client, wanted []schema.Topic) error {
	return retry.Until(ctx, leadersEvery, nil, func(ctx context.Context) error {
		states, err := Inspect(ctx, client, wanted)
		if err != nil {
			return err
		}
		for i := range states {
			if states[i].Missing() || states[i].Leaderless > 0 {
				return fmt.Errorf("topic %s has no leader yet", states[i].Want.Name)
			}
		}
		return nil
	})
}

// Alter sets the configurations that differ in states, and no other.
func Alter(ctx context.Context, client *kafka.Client, states []State) error {
	request := &kafka.IncrementalAlterConfigsRequest{}
	for i := range states {
		if len(states[i].Differences) == 0 {
			continue
		}
		resource := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: states[i].Want.Name}
		for _, d := range states[i].Differences {
			resource.Configs = append(resource.Configs, kafka.IncrementalAlterConfigsRequestConfig{Name: d.Name, Value: d.Want, ConfigOperation: kafka.ConfigOperationSet})
		}
		request.Resources = append(request.Resources, resource)
	}
	if len(request.Resources) == 0 {
		return nil
	}
	response, err := client.IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("alter the topics' configurations: %w", err)
	}
	for _, r := range response.Resources {
		if r.Error != nil {
			return fmt.Errorf("alter the configuration of topic %s: %w", r.ResourceName, r.Error)
		}
	}
	return nil
}
