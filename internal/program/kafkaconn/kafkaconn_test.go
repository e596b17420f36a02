// SPDX-License-Identifier: Apache-2.0

package kafkaconn_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/program"
	"tcpledger/internal/program/credentials/credentialstest"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/test/wait"
)

const topic = "probe"

// broker is a one-node Kafka with one topic; its address.
func broker(t *testing.T, options ...kfake.Opt) string {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, topic)}, options...)...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// flags are the settings that a command line gives.
func flags(t *testing.T, args ...string) *kafkaconn.Flags {
	t.Helper()
	var f kafkaconn.Flags
	root := program.Command("tcpledger-probe", "A probe", "A probe for tests.")
	f.Register(root.Flags())
	root.RunE = func(*cobra.Command, []string) error { return nil }
	root.SetArgs(args)
	require.Zero(t, program.Main(root))
	return &f
}

// exchange writes one message through the transport and reads it through the dialer.
func exchange(t *testing.T, f *kafkaconn.Flags, text string) error {
	t.Helper()
	transport, err := f.Transport("tcpledger-probe")
	require.NoError(t, err)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	writer := &kafka.Writer{
		Addr: kafka.TCP(f.Brokers...), Topic: topic, Transport: transport,
		RequiredAcks: kafka.RequireAll, BatchSize: 1, MaxAttempts: 1,
	}
	defer func() { require.NoError(t, writer.Close()) }()
	if err := writer.WriteMessages(ctx, kafka.Message{Value: []byte(text)}); err != nil {
		return err
	}
	dialer, err := f.Dialer("tcpledger-probe")
	require.NoError(t, err)
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: f.Brokers, Topic: topic, Dialer: dialer, MaxWait: 100 * time.Millisecond})
	defer func() { require.NoError(t, reader.Close()) }()
	message, err := reader.ReadMessage(ctx)
	if err != nil {
		return err
	}
	require.Equal(t, text, string(message.Value))
	return nil
}

func TestPlainConnection(t *testing.T) {
	address := broker(t)
	require.NoError(t, exchange(t, flags(t, "--brokers", address), "in the clear"))
}

func TestTLSWithEverySASLMechanism(t *testing.T) {
	id := credentialstest.New(t)
	mechanisms := map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
	for flag, method := range mechanisms {
		t.Run(flag, func(t *testing.T) {
			address := broker(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{id.Pair}}),
				kfake.EnableSASL(), kfake.Superuser(method, "agent", "hunter2"))
			args := []string{"--brokers", address, "--kafka-tls", "--kafka-tls-ca", id.CertFile, "--kafka-sasl", flag, "--kafka-user", "agent"}

			t.Setenv("TCPLEDGER_KAFKA_PASSWORD", "hunter2")
			require.NoError(t, exchange(t, flags(t, args...), flag))

			require.Error(t, exchange(t, flags(t, append(args, "--kafka-password", "wrong")...), flag))
			require.Error(t, exchange(t, flags(t, "--brokers", address, "--kafka-tls", "--kafka-tls-ca", id.CertFile), flag), "no SASL")
		})
	}
}

func TestClientCertificate(t *testing.T) {
	server, client := credentialstest.New(t), credentialstest.New(t)
	address := broker(t, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{server.Pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: client.Pool(t),
	}))
	args := []string{"--brokers", address, "--kafka-tls", "--kafka-tls-ca", server.CertFile}
	require.Error(t, exchange(t, flags(t, args...), "without a certificate"))
	args = append(args, "--kafka-tls-cert", client.CertFile, "--kafka-tls-key", client.KeyFile)
	require.NoError(t, exchange(t, flags(t, args...), "with one"))
}

func TestUnknownAuthorityIsRefused(t *testing.T) {
	server, other := credentialstest.New(t), credentialstest.New(t)
	address := broker(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server.Pair}}))
	err := exchange(t, flags(t, "--brokers", address, "--kafka-tls", "--kafka-tls-ca", other.CertFile), "never sent")
	require.ErrorContains(t, err, "certificate")
}

func TestWrongSettingsNameTheFlag(t *testing.T) {
	id := credentialstest.New(t)
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no PEM"), 0o600))
	cases := map[string][]string{
		"--brokers":                               {"--brokers", "kafka"},
		"--brokers: want at least":                {"--brokers="},
		"want --kafka-tls":                        {"--kafka-tls-ca", id.CertFile},
		"in the clear: give --kafka-tls":          {"--kafka-sasl", "plain", "--kafka-user", "agent", "--kafka-password", "x"},
		"--kafka-password-file: give one of them": {"--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password", "x", "--kafka-password-file", notPEM},
		"--kafka-password-file: open":             {"--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password-file", "/nowhere/password"},
		"--kafka-password-file: the first line":   {"--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password-file", "/dev/null"},
		"--kafka-tls-ca: open":                    {"--kafka-tls", "--kafka-tls-ca", "/nowhere/ca.pem"},
		"holds no PEM certificate":                {"--kafka-tls", "--kafka-tls-ca", notPEM},
		"--kafka-tls-key go together":             {"--kafka-tls", "--kafka-tls-cert", id.CertFile},
		"--kafka-tls-cert: ":                      {"--kafka-tls", "--kafka-tls-cert", notPEM, "--kafka-tls-key", id.KeyFile},
		"--kafka-sasl go together":                {"--kafka-user", "agent"},
		"--kafka-user and --kafka-sasl":           {"--kafka-sasl", "plain"},
		"--kafka-password: ":                      {"--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password", "\u0007"},
	}
	for want, args := range cases {
		t.Run(want, func(t *testing.T) {
			f := flags(t, args...)
			_, err := f.Transport("tcpledger-probe")
			require.ErrorContains(t, err, want)
			_, err = f.Dialer("tcpledger-probe")
			require.ErrorContains(t, err, want)
		})
	}
}
