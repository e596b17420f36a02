// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// Generation is the time between two rebalances of the group: the partitions that this member has in it, and their messages.
type Generation struct {
	consumer   *Consumer
	joined     *kafka.Generation
	origins    origins
	partitions map[string]map[int]*partition
	messages   chan Message
	ended      context.Context
}

// start begins to read the partitions, one goroutine each. The goroutines end with the generation, which waits for them.
func (c *Consumer) start(joined *kafka.Generation, o origins) *Generation {
	ended, end := context.WithCancel(context.Background())
	g := &Generation{consumer: c, joined: joined, origins: o, partitions: map[string]map[int]*partition{}, messages: make(chan Message), ended: ended}
	for topic, assigned := range joined.Assignments {
		g.partitions[topic] = map[int]*partition{}
		for _, a := range assigned {
			p := &partition{generation: g, topic: topic, id: a.ID, next: a.Offset, lag: c.metrics.lag.WithLabelValues(topic, strconv.Itoa(a.ID))}
			if why := o.beginning(topic, a); why != "" {
				c.config.Log.Warn("reading a partition from its beginning", "why", why, "topic", topic, "partition", a.ID, "committed", a.Offset)
				c.metrics.anew.WithLabelValues(topic).Inc()
				p.next = kafka.FirstOffset
			} else if epoch := o.stored[topic][a.ID].epoch; epoch > 0 {
				p.epochs.read(a.Offset-1, epoch)
			}
			p.committed.Store(p.next)
			g.partitions[topic][a.ID] = p
			joined.Start(func(context.Context) { p.run(ended) })
		}
	}
	joined.Start(func(context.Context) { g.watch(ended) })
	joined.Start(func(alive context.Context) {
		<-alive.Done()
		end() // the library's context never reports an error from Err; ended does
		c.metrics.lag.Reset()
	})
	return g
}

// Messages gives the messages of all partitions, each partition's in order. It is never closed: watch Ended.
func (g *Generation) Messages() <-chan Message { return g.messages }

// Ended is done when the group rebalances or removes this member. Then another member has the messages that were not committed.
func (g *Generation) Ended() context.Context { return g.ended }

// Partitions counts the partitions of this member.
func (g *Generation) Partitions() int {
	n := 0
	for _, ps := range g.partitions {
		n += len(ps)
	}
	return n
}

// Commit stores the offset to go on from of each topic and partition. After an error the offsets may not be stored: the
// messages may be read again.
func (g *Generation) Commit(offsets map[string]map[int]int64) error {
	if err := g.commit(offsets); err != nil {
		g.consumer.metrics.commitErrors.Inc()
		return fmt.Errorf("commit offsets: %w", err)
	}
	for topic, ps := range offsets {
		for id, offset := range ps {
			if p := g.partitions[topic][id]; p != nil {
				p.committed.Store(offset)
				p.setLag()
			}
		}
	}
	return nil
}

// commitTimeout bounds one commit.
const commitTimeout = 10 * time.Second

// commit stores offsets with the ids of their topics and the epochs of what is before them, in the terms of the protocol: kafka-go's
// own request leaves epochs out. It fails once the generation is over.
func (g *Generation) commit(offsets map[string]map[int]int64) error {
	ctx, cancel := context.WithTimeout(g.ended, commitTimeout)
	defer cancel()
	request := &offsetcommit.Request{GroupID: g.joined.GroupID, GenerationID: g.joined.ID, MemberID: g.joined.MemberID, RetentionTimeMs: brokersChoice}
	for topic, partitions := range offsets {
		t := offsetcommit.RequestTopic{Name: topic}
		for id, offset := range partitions {
			t.Partitions = append(t.Partitions, offsetcommit.RequestPartition{PartitionIndex: int32(id), CommittedOffset: offset,
				CommitTimestamp: brokersChoice, CommittedLeaderEpoch: g.epochBefore(topic, id, offset), CommittedMetadata: g.origins.of(topic, id)})
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := g.consumer.config.Transport.RoundTrip(ctx, g.consumer.client.Addr, request)
	if err != nil {
		return err
	}
	for _, topic := range answer.(*offsetcommit.Response).Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("partition %d of %s: %w", p.PartitionIndex, topic.Name, kafka.Error(p.ErrorCode))
			}
		}
	}
	return nil
}

// brokersChoice leaves a time to the broker.
const brokersChoice = -1

// epochBefore gives the epoch of the last message before an offset.
func (g *Generation) epochBefore(topic string, id int, offset int64) int32 {
	if p := g.partitions[topic][id]; p != nil {
		return p.epochs.before(offset)
	}
	return unknownEpoch
}
