// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

// shipped is the memory limit that the unit, the Compose file and the DaemonSet give to the agent.
const shipped = 512 << 20

// group is a control group with a memory limit, of either version.
type group struct {
	path string
	v2   bool
}

// limited makes a control group with the limit, which ends with the test.
func limited(t *testing.T, limit int) group {
	t.Helper()
	g := group{}
	for line := range strings.Lines(read(t, "/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if parts[1] == "memory" {
			g.path = filepath.Join("/sys/fs/cgroup/memory", parts[2], fmt.Sprintf("tcpledger-%d", os.Getpid()))
		}
	}
	if g.path == "" {
		g = group{path: filepath.Join("/sys/fs/cgroup", fmt.Sprintf("tcpledger-%d", os.Getpid())), v2: true}
	}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		t.Skipf("no control groups of memory here: %v", err)
	}
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(g.path) == nil }, wait.Long, 50*time.Millisecond)
	})
	name := "memory.limit_in_bytes"
	if g.v2 {
		name = "memory.max"
	}
	if err := os.WriteFile(filepath.Join(g.path, name), []byte(strconv.Itoa(limit)), 0); err != nil {
		t.Skipf("no memory limits here: %v", err)
	}
	return g
}

// used is what the group's processes and maps take now and cannot give back, and how often the kernel killed for want of
// memory.
func (g group) used(t *testing.T) (bytes, killed int) {
	t.Helper()
	if g.v2 {
		stat := read(t, filepath.Join(g.path, "memory.stat"))
		return field(t, stat, "anon") + field(t, stat, "kernel"), field(t, read(t, filepath.Join(g.path, "memory.events")), "oom_kill")
	}
	kernel, err := strconv.Atoi(strings.TrimSpace(read(t, filepath.Join(g.path, "memory.kmem.usage_in_bytes"))))
	require.NoError(t, err)
	return field(t, read(t, filepath.Join(g.path, "memory.stat")), "total_rss") + kernel,
		field(t, read(t, filepath.Join(g.path, "memory.oom_control")), "oom_kill")
}

// field is a number in a file of "name number" lines.
func field(t *testing.T, text, name string) int {
	t.Helper()
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == name {
			n, err := strconv.Atoi(words[1])
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no "+name, text)
	return 0
}

// The queue, the state map and the stack map are full at once while Kafka is away, with the settings that are the default and the limit
// that is shipped: the agent stays below both. So it does with a spool that overflows again and again.
func TestAgentStaysWithinTheShippedLimit(t *testing.T) {
	needKernel(t)
	t.Run("memory only", func(t *testing.T) {
		staysWithin(t, `tcpledger_agent_publish_dropped_messages_total{cause="queue_overflow",topic="tcpledger.events.v1"}`)
	})
	t.Run("spool", func(t *testing.T) {
		staysWithin(t, `tcpledger_agent_spool_dropped_messages_total{topic="tcpledger.events.v1"}`, "--spool", t.TempDir(), "--spool-bytes", "16MiB")
	})
}

// staysWithin runs an agent without Kafka until it dropped messages, by that metric.
func staysWithin(t *testing.T, dropped string, arguments ...string) {
	t.Helper()
	for _, file := range []string{unitFile, "../docker-compose.yml", "kubernetes/agent-daemonset.yaml"} {
		require.Regexp(t, `MemoryMax=512M\n|mem_limit: 512m\n|limits: \{memory: 512Mi\}`, read(t, file), "%s: this test's limit", file)
	}
	g := limited(t, shipped)
	join := []string{"-c", `echo $$ >"$1"/cgroup.procs && shift && exec "$@"`, "sh", g.path, program(t, "tcpledger-agent")}
	agent := startCommand(t, nil, "sh", slices.Concat(join, []string{"--brokers", "127.0.0.1:1"}, arguments)...)
	require.Eventually(t, func() bool { code, _ := agent.get("/status"); return code == 200 }, wait.Long, 50*time.Millisecond)

	_, body := agent.get("/status")
	var status struct {
		Kernel struct {
			Maps []struct {
				ID   ebpf.MapID
				Name string
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &status))
	filled := 0
	for _, m := range status.Kernel.Maps {
		switch m.Name {
		case "conns":
			lab.FillMap[[192]byte](t, m.ID)
			filled++
		case "stacks":
			lab.FillMap[[384]byte](t, m.ID)
			filled++
		}
	}
	require.Equal(t, 2, filled)
	highest := 0
	require.Eventually(t, func() bool {
		churn(t, 2000)
		used, killed := g.used(t)
		require.Zero(t, killed, "%d MiB at most before", highest>>20)
		highest = max(highest, used)
		_, metrics := agent.get("/metrics")
		return strings.Contains(metrics, dropped) && field(t, metrics, dropped) > 20
	}, wait.Long, time.Millisecond, "it never overflowed")
	t.Logf("at most %d MiB", highest>>20)
	require.Less(t, highest, shipped)
	require.NotContains(t, agent.said.String(), "the settings allow more memory")
	require.Contains(t, agent.said.String(), "control_group_limit=\"512 MiB\"")
}

// churn makes so many connections over loopback and closes them.
func churn(t *testing.T, connections int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for range connections / 8 {
				conn, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					return err
				}
				if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
					return err
				}
				if err := conn.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.NoError(t, listener.Close())
}
