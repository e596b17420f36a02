// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"bytes"
	"context"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/topics"
	"tcpledger/schema"
	"tcpledger/test/wait"
)

// brokers starts three brokers in the process, which do what clients ask, unlike the embedded Kafka.
func brokers(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func run(t *testing.T, addr string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs(append([]string{"topics", "--brokers", addr}, args...))
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

func inspect(t *testing.T, addr string) []topics.State {
	t.Helper()
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{addr}})
	require.NoError(t, err)
	t.Cleanup(done)
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	states, err := topics.Inspect(ctx, client, topics.Wanted(defaultPartitions))
	require.NoError(t, err)
	return states
}

func TestTopics(t *testing.T) {
	addr := brokers(t)

	code, out, errs := run(t, addr)
	require.Zero(t, code, errs)
	require.Equal(t, `TOPIC                 PARTITIONS  REPLICAS  STATE
tcpledger.events.v1                         missing: to create with 6 partitions
tcpledger.meta.v1                           missing: to create with 6 partitions
tcpledger.symbols.v1                        missing: to create with 1 partitions
tcpledger.builds.v1                         missing: to create with 1 partitions

tcpledger topics --apply does what stands there as to create and to set.
`, out)
	for _, s := range inspect(t, addr) {
		require.True(t, s.Missing(), "without --apply nothing is created: %s", s.Want.Name)
	}

	for range 2 { // the second time changes nothing
		code, out, errs = run(t, addr, "--apply")
		require.Zero(t, code, errs)
		require.Equal(t, `TOPIC                 PARTITIONS  REPLICAS  STATE
tcpledger.events.v1            6         3  ok
tcpledger.meta.v1              6         3  ok
tcpledger.symbols.v1           1         3  ok
tcpledger.builds.v1            1         3  ok
`, out)
	}
	for _, s := range inspect(t, addr) {
		require.Empty(t, s.Differences, s.Want.Name)
		require.Zero(t, s.Leaderless, s.Want.Name)
	}
}

// A topic that somebody made otherwise is shown; its configuration is set only with --apply, its partitions never.
func TestDifferingTopic(t *testing.T) {
	addr := brokers(t)
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{addr}})
	require.NoError(t, err)
	t.Cleanup(done)
	mine := schema.Topic{Name: schema.TopicEvents, Partitions: 2, Configs: map[string]string{"retention.ms": "1000", "cleanup.policy": "delete"}}
	require.NoError(t, topics.Ensure(t.Context(), client, []schema.Topic{mine}, 1))

	code, out, errs := run(t, addr, "--partitions", "3")
	require.Zero(t, code, errs)
	require.Contains(t, out, "retention.ms=1000: to set to 604800000")
	require.Contains(t, out, "missing: to create with 3 partitions")
	require.Equal(t, "1000", differences(inspect(t, addr)[0])["retention.ms"], "without --apply nothing is altered")

	code, out, errs = run(t, addr, "--partitions", "3", "--replication-factor", "2", "--apply")
	require.Zero(t, code, errs)
	require.Equal(t, `TOPIC                 PARTITIONS  REPLICAS  STATE
tcpledger.events.v1            2         1  ok
tcpledger.meta.v1              3         2  ok
tcpledger.symbols.v1           1         2  ok
tcpledger.builds.v1            1         2  ok
`, out)
}

func differences(s topics.State) map[string]string {
	out := map[string]string{}
	for _, d := range s.Differences {
		out[d.Name] = d.Have
	}
	return out
}

func TestBadInput(t *testing.T) {
	addr := brokers(t)
	for _, c := range []struct {
		code int
		err  string
		args []string
	}{
		{2, `tcpledger: invalid argument "0" for "--partitions" flag: must be from 1 to 10000`, []string{"--partitions", "0"}},
		{2, "tcpledger: --replication-factor: want 1 or more, or -1 for the brokers' default", []string{"--replication-factor", "0"}},
	} {
		code, out, errs := run(t, addr, c.args...)
		require.Equal(t, c.code, code, errs)
		require.Empty(t, out)
		require.Contains(t, errs, c.err)
	}
	code, _, errs := run(t, "127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "tcpledger: list topics: ")
}

// What a broker refuses, as one of Apache Kafka does with more copies than there are brokers, is said with the topic's name.
func TestRefused(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	cluster.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		response := request.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, topic := range request.(*kmsg.CreateTopicsRequest).Topics {
			answer := kmsg.NewCreateTopicsResponseTopic()
			answer.Topic, answer.ErrorCode = topic.Topic, int16(kafka.InvalidReplicationFactor)
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	code, out, errs := run(t, cluster.ListenAddrs()[0], "--replication-factor", "4", "--apply")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "tcpledger: create topic tcpledger.builds.v1: [38] Invalid Replication Factor")
}

// A message of the symbols topic fits the brokers' default limit, and a partition's leader takes it at once after Ensure.
func TestEnsuredTopicTakesMessages(t *testing.T) {
	addr := brokers(t)
	client, done, err := topics.NewClient(&kafkaconn.Flags{Brokers: []string{addr}})
	require.NoError(t, err)
	t.Cleanup(done)
	require.NoError(t, topics.Ensure(t.Context(), client, topics.Wanted(1), topics.BrokersChoice))
	for _, topic := range schema.Topics() {
		response, err := client.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic.Name, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(make([]byte, schema.PieceBytes))})})
		require.NoError(t, err)
		require.NoError(t, response.Error)
	}
}

// Topics with enough copies acknowledge on two brokers, whoever chose the copies; one with fewer would take no message then.
func TestAcknowledgedMessagesAreOnTwoBrokers(t *testing.T) {
	for replication, want := range map[string]string{"-1": "2", "3": "2", "1": "1"} {
		addr := brokers(t)
		code, _, errs := run(t, addr, "--apply", "--replication-factor", replication)
		require.Zero(t, code, errs)
		client := &kafka.Client{Addr: kafka.TCP(addr), Transport: new(kafka.Transport)}
		response, err := client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: schema.TopicEvents}}})
		require.NoError(t, err)
		got := map[string]string{}
		for _, entry := range response.Resources[0].ConfigEntries {
			got[entry.ConfigName] = entry.ConfigValue
		}
		require.Equal(t, want, got["min.insync.replicas"], "--replication-factor %s", replication)
		require.Equal(t, "false", got["unclean.leader.election.enable"])
		for _, s := range inspect(t, addr) {
			require.Empty(t, s.Differences, s.Want.Name)
		}
	}
}
