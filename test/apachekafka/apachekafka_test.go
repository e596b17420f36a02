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
