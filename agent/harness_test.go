// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
	"tcpledger/test/wait"
)

const (
	patience = wait.Long
	// beTheAgent makes the test binary the agent: tests start it as a process of its own, to send it real signals.
	beTheAgent = "TCPLEDGER_TEST_BE_THE_AGENT"
)

func TestMain(m *testing.M) {
	if os.Getenv(beTheAgent) != "" {
		main()
	}
	os.Exit(m.Run())
}

// needPrivileges skips a test that loads programs if that is not allowed; in CI the test fails.
func needPrivileges(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED") != "" {
		t.Fatal("this test needs root, and TCPLEDGER_REQUIRE_PRIVILEGED is set")
	}
	t.Skip("needs root: run as root, TCPLEDGER_REQUIRE_PRIVILEGED=1 makes that mandatory")
}

// process is an agent that runs; its output may be read at any time.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	end  chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// start runs the agent with these arguments. It is killed when the test ends.
func start(t *testing.T, prepare func(*exec.Cmd), args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("/proc/self/exe", args...), end: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), beTheAgent+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if prepare != nil {
		prepare(p.cmd)
	}
	require.NoError(t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.end) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.end })
	return p
}

// wait gives the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.end:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("the agent does not end:\n%s", p.output())
		return -1
	}
}

func (p *process) signal(s syscall.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// healthy waits until /healthz of addr answers with 200.
func (p *process) healthy(addr string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		response, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, patience, 20*time.Millisecond, "the agent does not become healthy:\n%s", lazily(p.output))
}

type lazily func() string

func (f lazily) String() string { return f() }

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

const partitions = 3

// newKafka starts a broker in this process, on that port or a free one, and gives its address.
func newKafka(t *testing.T, port ...string) string {
	t.Helper()
	var opts []kfake.Opt
	for _, p := range port {
		n, err := strconv.Atoi(p)
		require.NoError(t, err)
		opts = append(opts, kfake.Ports(n))
	}
	cluster, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(partitions, schema.TopicEvents, schema.TopicMeta),
		kfake.SeedTopics(1, schema.TopicSymbols, schema.TopicBuilds))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// readTopic gives all values of a topic, in order within a partition.
func readTopic(t *testing.T, broker, topic string) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var values [][]byte
	for partition := range partitions {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: partition, MaxWait: 20 * time.Millisecond})
		lag, err := reader.ReadLag(ctx)
		require.NoError(t, err)
		for range lag {
			m, err := reader.ReadMessage(ctx)
			require.NoError(t, err)
			values = append(values, m.Value)
		}
		require.NoError(t, reader.Close())
	}
	return values
}

// inNetNS runs f in a network namespace of its own and gives the namespace's inode number.
func inNetNS(t *testing.T, f func()) uint32 {
	t.Helper()
	inode, done := uint32(0), make(chan error, 1)
	go func() { // its thread is not unlocked: it ends with the goroutine, and the namespace with it
		done <- func() error {
			lockThread()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			var st unix.Stat_t
			if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
				return err
			}
			inode = uint32(st.Ino)
			if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
				return errors.New(strings.TrimSpace(string(out)))
			}
			f()
			return nil
		}()
	}()
	require.NoError(t, <-done)
	return inode
}
