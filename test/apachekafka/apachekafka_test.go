// SPDX-License-Identifier: Apache-2.0

package apachekafka

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestMessagesSurviveKillAndStop(t *testing.T) {
	broker := Start(t)
	client := &kafkago.Client{Addr: kafkago.TCP(broker.Addr()), Transport: new(kafkago.Transport)}
	created, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: "ledger", NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, created.Errors["ledger"])

	write := func(value string) {
		out := &kafkago.Writer{Addr: kafkago.TCP(broker.Addr()), Topic: "ledger", RequiredAcks: kafkago.RequireAll,
			BatchTimeout: time.Millisecond, Transport: new(kafkago.Transport)}
		require.NoError(t, out.WriteMessages(t.Context(), kafkago.Message{Value: []byte(value)}))
		require.NoError(t, out.Close())
	}
	write("first")
	broker.Kill9()
	broker.Restart()
	write("second")
	broker.Stop()
	broker.Restart()

	reader := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{broker.Addr()}, Topic: "ledger"})
	defer func() { require.NoError(t, reader.Close()) }()
	for _, want := range []string{"first", "second"} {
		message, err := reader.ReadMessage(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, string(message.Value))
	}
}

// TestClocksThatAreOff: a broker refuses what is more than an hour ahead of it, unless the topic's times are its own.
func TestClocksThatAreOff(t *testing.T) {
	broker := Start(t)
	client := &kafkago.Client{Addr: kafkago.TCP(broker.Addr()), Transport: new(kafkago.Transport)}
	for _, topic := range schema.Topics() {
		config := kafkago.TopicConfig{Topic: topic.Name, NumPartitions: 1, ReplicationFactor: 1}
		for name, value := range topic.Configs {
			config.ConfigEntries = append(config.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
		}
		created, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{config}})
		require.NoError(t, err)
		require.NoError(t, created.Errors[topic.Name])
		out := &kafkago.Writer{Addr: kafkago.TCP(broker.Addr()), Topic: topic.Name, RequiredAcks: kafkago.RequireAll,
			BatchTimeout: time.Millisecond, Transport: new(kafkago.Transport)}
		for _, off := range []time.Duration{2 * time.Hour, -60 * 24 * time.Hour} {
			require.NoError(t, out.WriteMessages(t.Context(), kafkago.Message{Value: []byte("x"), Time: time.Now().Add(off)}), "%s, %s", topic.Name, off)
		}
		require.NoError(t, out.Close())
	}
}

func TestOnlyThePinnedJarsPass(t *testing.T) {
	require.ErrorIs(t, verify(filepath.Join(t.TempDir(), "none")), os.ErrNotExist)
	lib := t.TempDir()
	require.ErrorContains(t, verify(lib), "46 jars are missing")
	require.NoError(t, os.WriteFile(filepath.Join(lib, "re2j-1.8.jar"), []byte("tampered"), 0o600))
	require.ErrorContains(t, verify(lib), "re2j-1.8.jar has the digest")
	require.NoError(t, os.Rename(filepath.Join(lib, "re2j-1.8.jar"), filepath.Join(lib, "extra.jar")))
	require.ErrorContains(t, verify(lib), "extra.jar has the digest")
}

func TestWithoutJavaTheCommandIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := jars(t.Context(), io.Discard)
	require.ErrorIs(t, err, errMissing)
	require.ErrorContains(t, err, "apt-get install")
}
