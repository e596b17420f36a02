// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"tcpledger/internal/kafka/topicid"
	"tcpledger/internal/retry"
)

// A topic that was made anew has the old one's name, and the group's offsets may still be the old one's. A commit therefore says
// which topic it is of: the offset's metadata is the topic's id. A broker without ids (before Kafka 2.8) leaves it empty.

// origins says what the group's offsets are of.
type origins struct {
	current map[string]string         // ids of the topics as they are
	stored  map[string]map[int]origin // by topic and partition
	rewind  []string                  // topics to read from their beginning
}

// origin is what an offset was committed with: the topic's id and the epoch of the message before it.
type origin struct {
	id    string
	epoch int32
}

var originPolicy = retry.Policy{First: 100 * time.Millisecond, Max: 2 * time.Second}

// origins asks Kafka until it answers or ctx ends.
func (c *Consumer) origins(ctx context.Context, joined *kafka.Generation) (o origins, err error) {
	if c.config.Rewind != nil {
		if o.rewind, err = c.config.Rewind(ctx); err != nil {
			return o, err
		}
	}
	err = retry.Until(ctx, originPolicy, c.config.Outage, func(ctx context.Context) error {
		o.current, err = topicid.Ask(ctx, c.config.Transport, c.client.Addr, c.config.Topics)
		if err != nil {
			return err
		}
		o.stored, err = c.storedOrigins(ctx, joined)
		return err
	})
	return o, err
}

// storedOrigins asks in the terms of the protocol: kafka-go's own answer leaves epochs out.
func (c *Consumer) storedOrigins(ctx context.Context, joined *kafka.Generation) (map[string]map[int]origin, error) {
	request := &offsetfetch.Request{GroupID: c.config.Group}
	for topic, assigned := range joined.Assignments {
		asked := offsetfetch.RequestTopic{Name: topic}
		for _, a := range assigned {
			asked.PartitionIndexes = append(asked.PartitionIndexes, int32(a.ID))
		}
		if len(assigned) > 0 {
			request.Topics = append(request.Topics, asked)
		}
	}
	if len(request.Topics) == 0 {
		return nil, nil // no topics would mean all
	}
	answer, err := c.config.Transport.RoundTrip(ctx, c.client.Addr, request)
	if err != nil {
		return nil, fmt.Errorf("ask what the offsets are of: %w", err)
	}
	offsets := answer.(*offsetfetch.Response)
	if offsets.ErrorCode != 0 {
		return nil, fmt.Errorf("ask what the offsets are of: %w", kafka.Error(offsets.ErrorCode))
	}
	stored := map[string]map[int]origin{}
	for _, topic := range offsets.Topics {
		stored[topic.Name] = map[int]origin{}
		for _, p := range topic.Partitions {
			stored[topic.Name][int(p.PartitionIndex)] = origin{p.Metadata, p.ComittedLeaderEpoch}
		}
	}
	return stored, nil
}

// beginning says why a partition is to be read from its beginning, "" if it is not.
func (o *origins) beginning(topic string, a kafka.PartitionAssignment) string {
	switch {
	case a.Offset <= 0:
		return ""
	case o.anew(topic, a.ID):
		return "the topic was made anew since its offset was committed"
	case slices.Contains(o.rewind, topic):
		return "what was read of the topic is not stored any more"
	}
	return ""
}

// anew reports whether a topic was made anew since the offset of a partition was committed.
func (o *origins) anew(topic string, partition int) bool {
	stored, current := o.stored[topic][partition].id, o.current[topic]
	return stored != "" && current != "" && stored != current
}

// of gives the id to commit offsets of a partition with.
func (o *origins) of(topic string, partition int) string {
	if id := o.current[topic]; id != "" {
		return id
	}
	return o.stored[topic][partition].id
}

// watch returns when a topic was made anew, or ctx ends. The generation ends with it; the next one begins where it has to.
func (g *Generation) watch(ctx context.Context) {
	c := g.consumer
	tick := time.NewTicker(partitionWatch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := topicid.Ask(ctx, c.config.Transport, c.client.Addr, c.config.Topics)
		if err != nil {
			continue // the partitions' fetches say that Kafka is away
		}
		for topic, id := range now {
			if before := g.origins.current[topic]; before != "" && before != id {
				c.config.Log.Warn("a topic was made anew", "topic", topic)
				return
			}
		}
	}
}
