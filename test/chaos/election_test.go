// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// TestUncleanElection: a broker that lacks acknowledged messages is elected, and the messages that come then get the offsets of those
// that are lost. What the ingester had read is in the tables, what it had not is missing in the audit, to the number, and what came
// in the place of either is read.
func TestUncleanElection(t *testing.T) {
	if os.Getenv("TCPLEDGER_TEST_QUICK") != "" {
		t.Skip("the quick run has no Apache Kafka")
	}
	s := &stack{t: t, net: lab.NewSwitch(t)}
	hosts, brokers := s.startNodes()
	ahead, behind := s.parts[0], s.parts[1] // the third only votes
	client := &kafka.Client{Addr: kafka.TCP(strings.Split(brokers, ",")...), Transport: &kafka.Transport{Dial: hosts[2].Dial}}
	makeUnclean(t, client, []int{2, 1})
	behind.stop() // each broker is restarted now and then, and another is elected for it
	awaitLeader(t, client, 1)
	behind.start()
	awaitInSync(t, client, 1, 2)
	f := flushedFrom(t, brokers, hosts[2]) // its first round is on both brokers

	behind.kill()
	awaitInSync(t, client, 1)
	f.send(schema.CheckpointPeriodic)
	f.requireOnce() // and committed, or read again
	f.ingester.stop()
	f.send(schema.CheckpointPeriodic) // nobody reads this round
	lost := uint64(2 * flushedRows * flushedStreams)
	ahead.kill()
	behind.start()
	awaitLeader(t, client, 2)
	for range 3 { // so that the partition is longer than what was read of it
		f.send(schema.CheckpointPeriodic)
	}
	f.ingester.start()
	f.rows -= lost / 2 // as many connections as events
	f.told--
	f.requireOnce()

	ahead.start() // it takes over what the other has
	awaitInSync(t, client, 1, 2)
	f.send(schema.CheckpointPeriodic)
	f.requireOnce()
	a := audit(t, f.addr, f.began, f.last)
	require.Equal(t, query.Incomplete, a.Verdict, "%+v", a.Findings)
	require.Equal(t, []uint64{lost, 0, 0}, []uint64{a.Total.Missing, a.Total.Twice, a.Total.DeadLetters}, "%+v", a.Findings)
	require.Contains(t, f.ingester.process.Tail(), "a broker was elected that lacked acknowledged messages")
}

// makeUnclean makes the topics on these brokers, as somebody may who wants them up rather than whole.
func makeUnclean(t *testing.T, client *kafka.Client, replicas []int) {
	t.Helper()
	unclean := []kafka.ConfigEntry{{ConfigName: "unclean.leader.election.enable", ConfigValue: "true"}, {ConfigName: "min.insync.replicas", ConfigValue: "1"},
		{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"}}
	request := &kafka.CreateTopicsRequest{}
	for _, topic := range schema.Topics() {
		request.Topics = append(request.Topics, kafka.TopicConfig{Topic: topic.Name, NumPartitions: -1, ReplicationFactor: -1, ConfigEntries: unclean,
			ReplicaAssignments: []kafka.ReplicaAssignment{{Partition: 0, Replicas: replicas}}})
	}
	require.Eventually(t, func() bool {
		made, err := client.CreateTopics(t.Context(), request)
		return err == nil && made.Errors[schema.TopicEvents] == nil
	}, wait.Long, 250*time.Millisecond, "the topics are not made")
}

// awaitInSync waits until exactly these brokers have all of the events topic.
func awaitInSync(t *testing.T, client *kafka.Client, ids ...int) {
	t.Helper()
	awaitPartition(t, client, "in sync", func(p *kafka.Partition) bool {
		var have []int
		for _, broker := range p.Isr {
			have = append(have, broker.ID)
		}
		slices.Sort(have)
		return slices.Equal(have, ids)
	})
}

func awaitLeader(t *testing.T, client *kafka.Client, id int) {
	t.Helper()
	awaitPartition(t, client, "the leader", func(p *kafka.Partition) bool { return p.Leader.ID == id })
}

func awaitPartition(t *testing.T, client *kafka.Client, what string, wanted func(*kafka.Partition) bool) {
	t.Helper()
	var last *kafka.MetadataResponse
	require.Eventually(t, func() bool {
		answer, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{schema.TopicEvents}})
		if err != nil || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
			return false
		}
		last = answer
		return wanted(&answer.Topics[0].Partitions[0])
	}, wait.Long, 250*time.Millisecond, "%s: %+v", what, &last)
}
