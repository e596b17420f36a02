// SPDX-License-Identifier: Apache-2.0

package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/test/lab"
)

// The ports of every node of a cluster, each on a host of its own.
const (
	nodePort       = 9092
	controllerPort = 9093
)

// Node is a broker and controller of a cluster, with no logins. It ends with the test.
type Node struct {
	t       testing.TB
	id      int
	host    *lab.Host
	dir     string
	jars    string
	process *child.Process
}

// NewCluster prepares a node on each host, with its data in the directory of the same index. Start starts one. Without java or
// maven it skips the test, or fails it if RequireReal is 1.
func NewCluster(t testing.TB, hosts []*lab.Host, dirs []string) []*Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	lib, err := jars(ctx, os.Stderr)
	if errors.Is(err, errMissing) && os.Getenv(RequireReal) != "1" {
		t.Skipf("no Apache Kafka: %v", err)
	}
	require.NoError(t, err)
	var voters []string
	for i, h := range hosts {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, netip.AddrPortFrom(h.IPv4, controllerPort)))
	}
	var nodes []*Node
	for i, h := range hosts {
		n := &Node{t: t, id: i + 1, host: h, dir: dirs[i], jars: lib}
		require.NoError(t, os.WriteFile(n.file("log4j2.yaml"), []byte(logging), 0o600))
		require.NoError(t, os.WriteFile(n.file("node.properties"), []byte(n.properties(strings.Join(voters, ","))), 0o600))
		said, err := exec.CommandContext(ctx, "java", javaArgs(n.jars, n.dir, small, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.file("node.properties"))...).CombinedOutput()
		require.NoError(t, err, "%s", said)
		nodes = append(nodes, n)
	}
	return nodes
}

// small are java's options for a broker of a test.
var small = []string{"-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// Addr is "IP:port", the same over restarts.
func (n *Node) Addr() string { return netip.AddrPortFrom(n.host.IPv4, nodePort).String() }

// Start starts the node and does not wait until it answers: it needs a quorum for that.
func (n *Node) Start() *child.Process {
	n.t.Helper()
	path, args := n.host.Within("java", javaArgs(n.jars, n.dir, small, "kafka.Kafka", n.file("node.properties"))...)
	process, err := child.Start(child.Command{Name: fmt.Sprintf("kafka %d", n.id), Path: path, Args: args, StopSignal: syscall.SIGTERM})
	require.NoError(n.t, err)
	n.process = process
	return process
}

func (n *Node) file(name string) string { return filepath.Join(n.dir, name) }

// properties are Kafka's defaults but for addresses, copies, and the wait at a group's beginning.
func (n *Node) properties(voters string) string {
	broker, controller := netip.AddrPortFrom(n.host.IPv4, nodePort), netip.AddrPortFrom(n.host.IPv4, controllerPort)
	return strings.Join([]string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.id),
		"controller.quorum.voters=" + voters,
		fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", broker, controller),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://%s", broker),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + n.file("log"),
		"default.replication.factor=3",
		"group.initial.rebalance.delay.ms=0",
		"offsets.topic.num.partitions=3",
		"auto.create.topics.enable=false",
		"",
	}, "\n")
}

// Clean reports whether an error of child.Process.Stop is what java says after a clean end, or of one that came before java was ready
// for the signal.
func Clean(err error) bool {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return err == nil
	}
	const terminated = 128 + int(syscall.SIGTERM)
	status, ok := ended.Sys().(syscall.WaitStatus)
	return ended.ExitCode() == terminated || ok && status.Signaled() && status.Signal() == syscall.SIGTERM
}
