// SPDX-License-Identifier: Apache-2.0

// Package apachekafka gives tests a real Apache Kafka: one KRaft node from its Maven artifacts, on this machine's java.
package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
	"tcpledger/internal/program/credentials/credentialstest"
)

const (
	// RequireReal is the environment variable that makes a missing java or maven a failure instead of a skip.
	RequireReal = "TCPLEDGER_REQUIRE_REAL"

	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
	fetchTimeout = 10 * time.Minute
	clusterID    = "dGNwbGVkZ2VyLXRlc3RzMQ" // 16 bytes in base64
)

// Broker is one Apache Kafka of a test. It ends with the test.
type Broker struct {
	t      testing.TB
	dir    string // configuration and log
	lib    string
	port   int
	sasl   int // of the listener with logins
	secure int // of the listener with logins over TLS
	mutual int // of the listener with client certificates
	// Authority signs the certificates of the clients that the broker takes, and is the broker's own.
	Authority  credentialstest.Identity
	controller int
	process    *child.Process
}

// Start starts an Apache Kafka on free ports of 127.0.0.1 with its data in a directory of the test. Without java or maven it
// skips the test, or fails it if RequireReal is 1.
func Start(t testing.TB) *Broker {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	lib, err := jars(ctx, os.Stderr)
	if errors.Is(err, errMissing) && os.Getenv(RequireReal) != "1" {
		t.Skipf("no Apache Kafka: %v", err)
	}
	require.NoError(t, err)
	b := &Broker{t: t, dir: t.TempDir(), lib: lib, Authority: credentialstest.New(t)}
	free, err := port.FreeSeveral(5)
	require.NoError(t, err)
	b.port, b.sasl, b.secure, b.mutual, b.controller = free[0], free[1], free[2], free[3], free[4]
	b.format(ctx)
	b.Restart()
	t.Cleanup(b.Stop)
	return b
}

// Addr is "127.0.0.1:port", the same over restarts.
func (b *Broker) Addr() string { return port.Join(b.port) }

// PID is the java process's id.
func (b *Broker) PID() int { return b.process.PID() }

// Log is the first file of a partition's log. It holds the batches as the broker sends them.
func (b *Broker) Log(topic string, partition int) string {
	return filepath.Join(b.file("log"), fmt.Sprintf("%s-%d", topic, partition), "00000000000000000000.log")
}

// Kill9 ends the broker with SIGKILL.
func (b *Broker) Kill9() {
	b.t.Helper()
	require.NoError(b.t, b.process.Kill())
}

// Restart starts the broker again on the same ports and data, after Kill9 or Stop, and waits until it coordinates groups.
func (b *Broker) Restart() {
	b.t.Helper()
	process, err := child.Start(child.Command{Name: "apache kafka", Path: "java", StopSignal: syscall.SIGTERM,
		Args: b.java(small, "kafka.Kafka", b.file("node.properties"))})
	require.NoError(b.t, err)
	b.process = process
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	require.NoError(b.t, process.Await(ctx, b.answers))
}

// Stop ends the broker cleanly; it is no error when it has ended already.
func (b *Broker) Stop() {
	b.t.Helper()
	select {
	case <-b.process.Done():
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := b.process.Stop(ctx)
	if !Clean(err) {
		require.NoError(b.t, err)
	}
}

// answers returns nil when the broker answers and has a coordinator for groups.
func (b *Broker) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", b.Addr())
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	transport := new(kafkago.Transport)
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(b.Addr()), Transport: transport}
	response, err := client.FindCoordinator(ctx, &kafkago.FindCoordinatorRequest{Key: "ready", KeyType: kafkago.CoordinatorKeyTypeConsumer})
	if err != nil {
		return err
	}
	return response.Error
}

func (b *Broker) file(name string) string { return filepath.Join(b.dir, name) }

// java returns the arguments that run a class of the jars.
func (b *Broker) java(options []string, class string, args ...string) []string {
	return javaArgs(b.lib, b.dir, options, class, args...)
}

func javaArgs(lib, dir string, options []string, class string, args ...string) []string {
	return slices.Concat(options, []string{"-cp", filepath.Join(lib, "*"), "-Dlog4j2.configurationFile=" + filepath.Join(dir, "log4j2.yaml"), class}, args)
}

// format writes the configuration and has Kafka prepare its log directory.
func (b *Broker) format(ctx context.Context) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(b.file("log4j2.yaml"), []byte(logging), 0o600))
	b.writeKeys()
	require.NoError(b.t, os.WriteFile(b.file("node.properties"), []byte(b.properties()), 0o600))
	said, err := exec.CommandContext(ctx, "java", b.java([]string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"},
		"kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.file("node.properties"),
		"--add-scram", fmt.Sprintf("SCRAM-SHA-256=[name=%s,password=%s]", user, password))...).CombinedOutput()
	require.NoError(b.t, err, "%s", said)
}

// logging is log4j2's configuration: warnings and worse.
const logging = `Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d %p %c{1} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
`

func (b *Broker) properties() string {
	return strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", b.controller),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,%s,CONTROLLER://127.0.0.1:%d", b.port, b.guarded(), b.controller),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d,%s", b.port, b.guarded()),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL",
		b.logins(),
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + b.file("log"),
		"group.initial.rebalance.delay.ms=0",
		"log.retention.check.interval.ms=100",
		"log.initial.task.delay.ms=100",
		"offsets.topic.num.partitions=1",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"auto.create.topics.enable=false",
		"",
	}, "\n")
}
