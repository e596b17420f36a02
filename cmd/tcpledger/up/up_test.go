// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
)

func ready(o Options) string { return "tcpledger ready: http://" + port.Join(o.ConsolePort) + "\n" }

func TestUpStopsInFlowOrderAndGoesOn(t *testing.T) {
	o := options(t)
	o.Enable, o.Disable = []string{"state"}, []string{"drop"}
	t.Setenv("TCPLEDGER_CONFIG", "for-up-only.yaml")
	for life := uint64(1); life <= 2; life++ {
		o.Out = new(output)
		stop := start(t, o)
		said(t, o, ready(o))
		require.Equal(t, life, rows(t, o), "each life adds one row to those before")
		require.NoError(t, stop())
		require.NoError(t, o.checkPorts(), "nothing is left running")
	}
	lines := told(t, o)
	require.Len(t, lines, 8)
	require.Contains(t, lines[0], fmt.Sprintf("--brokers 127.0.0.1:%d --clickhouse 127.0.0.1:%d --listen 127.0.0.1:%d", o.KafkaPort, o.ClickHousePort, o.IngesterPort))
	require.Contains(t, lines[1], fmt.Sprintf("--brokers 127.0.0.1:%d --listen 127.0.0.1:%d --symbols-delay 0s --enable state --disable drop config=", o.KafkaPort, o.AgentPort))
	require.True(t, strings.HasSuffix(lines[1], "config="), "up's own file is not passed on")
	require.Equal(t, []string{"tcpledger-agent stops", "tcpledger-ingester stops"}, lines[2:4])
}

func rows(t *testing.T, o Options) (n uint64) {
	t.Helper()
	conn, err := driver.Open(&driver.Options{Addr: []string{port.Join(o.ClickHousePort)}})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM kept").Scan(&n))
	return n
}

// holder is the process that has a part's data directory.
func holder(t *testing.T, o Options, part string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.Data, part, ".tcpledger.lock"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

func TestWhatIsKilledComesBack(t *testing.T) {
	o := options(t)
	stop := start(t, o)
	said(t, o, ready(o))
	for _, part := range []string{"kafka", "clickhouse"} {
		require.NoError(t, syscall.Kill(holder(t, o, part), syscall.SIGKILL))
		said(t, o, part+" ended: signal: killed")
		said(t, o, part+" is back")
	}
	var pid int
	_, err := fmt.Sscanf(told(t, o)[0], "tcpledger-ingester %d", &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	said(t, o, "ingester is back")
	require.EqualValues(t, 1, rows(t, o))
	require.NoError(t, stop())
}

func TestGoesOnAfterTheWholeTreeWasKilled(t *testing.T) {
	o := options(t)
	args := []string{"up", "--data", o.Data}
	for flag, port := range map[string]int{"kafka": o.KafkaPort, "clickhouse": o.ClickHousePort, "clickhouse-http": o.ClickHouseHTTPPort,
		"console": o.ConsolePort, "agent": o.AgentPort, "ingester": o.IngesterPort} {
		args = append(args, "--"+flag+"-port", strconv.Itoa(port))
	}
	for life := uint64(1); life <= 2; life++ {
		process, err := child.Start(child.Command{Name: "tcpledger", Path: o.Exe, Args: args})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, process.Await(ctx, func(context.Context) error {
			if !strings.Contains(process.Tail(), strings.TrimSpace(ready(o))) {
				return fmt.Errorf("not ready: %s", process.Tail())
			}
			return nil
		}))
		cancel()
		require.Equal(t, life, rows(t, o))
		require.NoError(t, process.Kill())
	}
	require.Eventually(t, func() bool { return o.checkPorts() == nil }, 20*time.Second, 10*time.Millisecond, "every child dies too")
}

func TestASecondSignalHurries(t *testing.T) {
	o := options(t)
	o.Enable = []string{"deaf"}
	stop := start(t, o)
	said(t, o, ready(o))
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	said(t, o, "stopping")
	time.AfterFunc(2*sameKeystroke, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
	began := time.Now()
	err := <-ended
	require.ErrorIs(t, err, child.ErrKilled)
	require.ErrorContains(t, err, "agent did not end in time")
	require.Less(t, time.Since(began), agentStop, "it did not wait out the agent's patience")
	said(t, o, "stopping at once")
}

func TestWhatCannotStartSaysWhyBeforeAnythingStarts(t *testing.T) {
	good := options(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	used := listener.Addr().(*net.TCPAddr).Port
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for want, spoil := range map[string]func(o *Options){
		fmt.Sprintf("port %d is in use by up.test (pid %d) (--clickhouse-http-port names another)", used, os.Getpid()): func(o *Options) {
			o.ClickHouseHTTPPort = used
		},
		fmt.Sprintf("--kafka-port and --console-port are both %d", good.KafkaPort): func(o *Options) { o.ConsolePort = o.KafkaPort },
		"--agent-port 70000 is no port":                                            func(o *Options) { o.AgentPort = 70000 },
		"data directory " + file:                                                   func(o *Options) { o.Data = filepath.Join(file, "data") },
		"tcpledger-agent is not beside":                                            func(o *Options) { o.Exe = "/nowhere/tcpledger" },
	} {
		o := good
		spoil(&o)
		err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, Check(t.Context(), o), want)
		require.NoDirExists(t, filepath.Join(o.Data, "log"), "nothing has started")
	}
	require.NoError(t, Check(t.Context(), good))
	require.NoDirExists(t, filepath.Join(good.Data, "log"), "nothing has started")
}

func TestUnknownKindsAreRefusedBeforeAnythingStarts(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, flag := range []string{"--enable", "--disable"} {
		command := Command(hooks)
		command.SetArgs([]string{"--data", data, flag, "drop,everything"})
		command.SilenceUsage, command.SilenceErrors = true, true
		require.ErrorContains(t, command.ExecuteContext(t.Context()), flag+`: unknown kind "everything"`)
		require.NoDirExists(t, data)
	}
}

func TestTheSameDataTwiceIsRefused(t *testing.T) {
	first := options(t)
	start(t, first)
	said(t, first, ready(first))
	second := options(t)
	second.Data = first.Data
	err := Run(t.Context(), second)
	require.ErrorContains(t, err, "in use by another process (--data names another)")
}

func TestWithoutCapabilitiesTheCommandIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changes the user")
	}
	o := options(t)
	program := filepath.Join("/tmp", fmt.Sprintf("tcpledger-up-test-%d", os.Getpid())) // where nobody may run it
	self, err := os.ReadFile(o.Exe)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, self, 0o755))
	defer func() { require.NoError(t, os.Remove(program)) }()
	process, err := child.Start(child.Command{Name: "privileges", Path: "setpriv", Output: io.Discard,
		Args: []string{"--reuid=65534", "--regid=65534", "--clear-groups", program, "privileges", program}})
	require.NoError(t, err)
	<-process.Done()
	require.Contains(t, process.Tail(), "sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep /tmp/tcpledger-agent")
	require.Contains(t, process.Tail(), "--no-agent")
}
