// SPDX-License-Identifier: Apache-2.0

// Package topics compares the Kafka topics that tcpledger needs with those on the brokers, and creates what is missing.
package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"

	"tcpledger/schema"
)

// Difference is a configuration of a topic that is not what is needed.
type Difference struct {
	Name, Have, Want string
}

// State is a topic that is needed, as it is on the brokers. Partitions is 0 if it is missing. Leaderless counts partitions
// that nobody leads: they accept no message now.
type State struct {
	Want        schema.Topic
	Partitions  int
	Replicas    int
	Leaderless  int
	Differences []Difference
}

// Missing reports whether the topic is not there.
func (s *State) Missing() bool { return s.Partitions == 0 }

// Wanted lists the topics needed, with partitions for those whose number is the operator's choice.
func Wanted(partitions int) []schema.Topic {
	topics := schema.Topics()
	for i := range topics {
		if topics[i].Partitions == 0 {
			topics[i].Partitions = partitions
		}
	}
	return topics
}

// Inspect compares wanted with what is on the brokers. It creates nothing.
func Inspect(ctx context.Context, client *kafka.Client, wanted []schema.Topic) ([]State, error) {
	states := make([]State, len(wanted))
	names := make([]string, len(wanted))
	for i, topic := range wanted {
		states[i].Want, names[i] = topic, topic.Name
	}
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	for i := range states {
		at := slices.IndexFunc(metadata.Topics, func(t kafka.Topic) bool { return t.Name == names[i] })
		if at < 0 || errors.Is(metadata.Topics[at].Error, kafka.UnknownTopicOrPartition) {
			continue
		}
		if err := metadata.Topics[at].Error; err != nil && !errors.Is(err, kafka.LeaderNotAvailable) {
			return nil, fmt.Errorf("topic %s: %w", names[i], err)
		}
		states[i].partitions(metadata.Topics[at].Partitions)
		states[i].Want.Configs = configs(states[i].Want, states[i].Replicas)
	}
	return states, describe(ctx, client, states)
}

// A message that is acknowledged is on minInSync brokers, if a topic has enough copies that one broker may be away: with the
// brokers' default of 1 the leader alone acknowledges when the others are behind, and its end loses the message.
const (
	minInSyncName  = "min.insync.replicas"
	minInSync      = 2
	enoughReplicas = 3
)

// configs gives a topic's configurations with so many copies of each partition.
func configs(topic schema.Topic, replicas int) map[string]string {
	if replicas < enoughReplicas {
		return topic.Configs
	}
	all := maps.Clone(topic.Configs)
	all[minInSyncName] = strconv.Itoa(minInSync)
	return all
}

// serves reports whether a configuration of the brokers does what is needed.
func serves(name, have, want string) bool {
	if name == minInSyncName {
		n, err := strconv.Atoi(have)
		return err == nil && n >= minInSync
	}
	return have == want
}

func (s *State) partitions(partitions []kafka.Partition) {
	s.Partitions = len(partitions)
	for _, p := range partitions {
		s.Replicas = max(s.Replicas, len(p.Replicas))
		if p.Error != nil || p.Leader.Host == "" {
			s.Leaderless++
		}
	}
}

// describe fills in the configurations that differ. One that the brokers do not tell is not compared.
func describe(ctx context.Context, client *kafka.Client, states []State) error {
	request := &kafka.DescribeConfigsRequest{}
	for i := range states {
		if !states[i].Missing() {
			request.Resources = append(request.Resources, kafka.DescribeConfigRequestResource{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: states[i].Want.Name,
				ConfigNames: slices.Sorted(maps.Keys(states[i].Want.Configs)),
			})
		}
	}
	if len(request.Resources) == 0 {
		return nil
	}
	response, err := client.DescribeConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("read the topics' configurations: %w", err)
	}
	for _, resource := range response.Resources {
		if resource.Error != nil {
			return fmt.Errorf("read the configuration of topic %s: %w", resource.ResourceName, resource.Error)
		}
		at := slices.IndexFunc(states, func(s State) bool { return s.Want.Name == resource.ResourceName })
		if at < 0 {
			continue
		}
		for _, entry := range resource.ConfigEntries {
			want, ok := states[at].Want.Configs[entry.ConfigName]
			if ok && !serves(entry.ConfigName, entry.ConfigValue, want) {
				states[at].Differences = append(states[at].Differences, Difference{entry.ConfigName, entry.ConfigValue, want})
			}
		}
	}
	return nil
}
