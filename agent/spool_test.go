// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// TestTheSpoolOutlivesTheAgent: Kafka is away, the agent is killed, the next one stopped, and the third sends what they left: all that
// had reached the disk, each row once by its identity.
func TestTheSpoolOutlivesTheAgent(t *testing.T) {
	needPrivileges(t)
	broker, dir := freeAddr(t), filepath.Join(t.TempDir(), "spool")
	var namespaces []uint32
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		p := start(t, nil, "--brokers", broker, "--listen", freeAddr(t), "--symbols-delay", "0s", "--host-id", "here", "--spool", dir)
		require.Eventually(t, func() bool { return strings.Contains(p.output(), "watching") }, patience, 20*time.Millisecond, lazily(p.output))
		namespaces = append(namespaces, inNetNS(t, func() { traffic(t, "127.0.0.1", 5) }))
		if end == syscall.SIGKILL { // a checkpoint comes after all that it covers
			require.Eventually(t, func() bool { return spooledCheckpoint(t, dir, "periodic") }, patience, 100*time.Millisecond, lazily(p.output))
		}
		p.signal(end)
		code := p.wait()
		if end == syscall.SIGTERM {
			require.Zero(t, code, p.output())
			require.Contains(t, p.output(), "keeps for the next run")
		}
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	_, port, err := net.SplitHostPort(broker)
	require.NoError(t, err)
	newKafka(t, port)
	listen := freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", listen, "--symbols-delay", "0s", "--host-id", "here", "--spool", dir)
	p.healthy(listen)
	require.Eventually(t, func() bool {
		return strings.Contains(get(t, "http://"+listen+"/metrics"), `tcpledger_agent_spool_bytes{topic="`+schema.TopicEvents+`"} 0`)
	}, patience, 20*time.Millisecond, lazily(p.output))
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait(), p.output())
	rows := map[uint32]int{}
	var b schema.Batch
	for _, value := range readTopic(t, broker, schema.TopicEvents) {
		require.NoError(t, schema.NewBatchDecoder().Decode(value, &b))
		for i := range b.Connections {
			rows[b.Connections[i].NetNS]++
		}
	}
	for i, netns := range namespaces {
		require.GreaterOrEqual(t, rows[netns], 2*3*5, "run %d", i)
	}
}

// spooledCheckpoint reports whether the spool has a checkpoint of that phase.
func spooledCheckpoint(t *testing.T, dir, phase string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, schema.TopicEvents, "*.v1"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(content), phase) {
			return true
		}
	}
	return false
}

// TestSpoolThatCannotBeUsed: the agent says why and goes on in memory.
func TestSpoolThatCannotBeUsed(t *testing.T) {
	needPrivileges(t)
	broker, dir := newKafka(t), t.TempDir()
	first, second := freeAddr(t), freeAddr(t)
	p := start(t, nil, "--brokers", broker, "--listen", first, "--symbols-delay", "0s", "--spool", dir)
	p.healthy(first)
	other := start(t, nil, "--brokers", broker, "--listen", second, "--symbols-delay", "0s", "--spool", dir)
	other.healthy(second)
	require.Contains(t, other.output(), "records wait in memory only")
	require.Contains(t, other.output(), "another agent has it (process ")

	third := freeAddr(t)
	other = start(t, nil, "--brokers", broker, "--listen", third, "--symbols-delay", "0s", "--spool", "/proc/no/folder")
	other.healthy(third)
	require.Contains(t, other.output(), "spool /proc/no/folder: mkdir")
	fourth := freeAddr(t)
	other = start(t, func(c *exec.Cmd) { c.Env = append(c.Env, "STATE_DIRECTORY="+dir) }, "--brokers", broker, "--listen", fourth, "--symbols-delay", "0s")
	other.healthy(fourth)
	require.DirExists(t, filepath.Join(dir, "spool"))
}
