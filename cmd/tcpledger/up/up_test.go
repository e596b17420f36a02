// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
	"tcpledger/test/logged"
	"tcpledger/test/wait"
)

// endings makes connections to a port of their own, one after the other, and returns the port.
func endings(t *testing.T, n int) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	for range n {
		client, err := net.Dial("tcp4", listener.Addr().String())
		require.NoError(t, err)
		server, err := listener.Accept()
		require.NoError(t, err)
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
	}
	return listener.Addr().(*net.TCPAddr).Port
}

const (
	endingsOf = "SELECT count() FROM tcpledger.connections WHERE service_port = ?"
	lastWords = "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'"
	// missing counts the numbers below the last checkpoints that are in no table.
	missing = `WITH held AS
		(
			SELECT session, stream, seq FROM tcpledger.connections
			UNION ALL SELECT session, stream, seq FROM tcpledger.events
			UNION ALL SELECT session, stream, arrayJoin(range(seq_from, seq_to + 1)) FROM tcpledger.loss
		),
		promised AS
		(
			SELECT session, stream, max(next) AS next FROM tcpledger.checkpoints ARRAY JOIN streams AS stream, next_seqs AS next GROUP BY session, stream
		)
		SELECT toUInt64(sum(next - have)) FROM
		(
			SELECT next, uniqExactIf(seq, seq < next) AS have FROM promised LEFT JOIN held USING (session, stream) GROUP BY session, stream, next
		) SETTINGS join_use_nulls = 1`
)

// The stop goes with the flow: what the agent held at the end is in the tables, or waits in Kafka for the next start.
func TestAStopLosesNothingAndASecondStartGoesOn(t *testing.T) {
	o := withAgent(t)
	for life := range 2 {
		o.Out = new(logged.Text)
		stop := start(t, o)
		answer(t, o, uint64(life), lastWords)
		left, err := ask(t, o, missing)
		require.NoError(t, err)
		if life > 0 {
			require.Zero(t, left, "numbers of the life before that are in no table")
		}
		service := endings(t, 50)
		answer(t, o, 100, endingsOf, service)
		endings(t, 50) // the agent still holds these when it is told to end
		require.NoError(t, stop())
		require.NoError(t, o.checkPorts(), "nothing is left running")
		require.Empty(t, children(t, o))
	}
}

func TestKindsReachTheAgent(t *testing.T) {
	o := withAgent(t)
	o.Enable, o.Disable = []string{"state"}, []string{"connection"}
	start(t, o)
	var services []int
	require.Eventually(t, func() bool { // on a busy machine the budget of this kind may leave out these
		services = append(services, endings(t, 10))
		n, err := ask(t, o, "SELECT count() FROM tcpledger.events WHERE kind = 'state' AND service_port IN (?)", services)
		return err == nil && n > 0
	}, wait.Long, 200*time.Millisecond)
	n, err := ask(t, o, "SELECT count() FROM tcpledger.connections WHERE service_port IN (?)", services)
	require.NoError(t, err)
	require.Zero(t, n)
}

// The console is in this process; it ends with it.
func TestWhatIsKilledComesBack(t *testing.T) {
	o := withAgent(t)
	stop := start(t, o)
	for _, part := range []string{"ingester", "kafka", "clickhouse", "agent"} {
		require.NoError(t, syscall.Kill(children(t, o)[part], syscall.SIGKILL))
		said(t, o, part+" ended: signal: killed")
		said(t, o, part+" is back")
	}
	answer(t, o, 40, endingsOf, endings(t, 20))
	response, err := http.Get("http://" + port.Join(o.ConsolePort) + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, stop())
}

func TestGoesOnAfterTheWholeTreeWasKilled(t *testing.T) {
	o := withAgent(t)
	var services []int
	for range 2 {
		process, err := child.Start(child.Command{Name: "tcpledger", Path: o.Exe, Args: o.args()})
		require.NoError(t, err)
		awaitReady(t, o, process)
		services = append(services, endings(t, 20))
		for _, service := range services {
			answer(t, o, 40, endingsOf, service)
		}
		require.NoError(t, process.Kill())
	}
	require.Eventually(t, func() bool { return o.checkPorts() == nil && len(children(t, o)) == 0 }, wait.Long, 10*time.Millisecond,
		"every child dies too")
}

// awaitReady waits for the ready line of a `tcpledger up` of its own process.
func awaitReady(t *testing.T, o Options, process *child.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	require.NoError(t, process.Await(ctx, func(context.Context) error {
		if !strings.Contains(process.Tail(), strings.TrimSpace(ready(o))) {
			return fmt.Errorf("not ready: %s", process.Tail())
		}
		return nil
	}))
}

// What the shell of `up` holds is for other programs: TLS, a configuration file and passwords would keep the children from
// working with the embedded engines.
func TestChildrenGetNoneOfTheCallersSettings(t *testing.T) {
	o := withAgent(t)
	config := filepath.Join(t.TempDir(), "up.yaml")
	require.NoError(t, os.WriteFile(config, []byte("no-agent: false\n"), 0o600))
	for name, value := range map[string]string{"TCPLEDGER_CONFIG": config, "TCPLEDGER_KAFKA_TLS": "true", "TCPLEDGER_CLICKHOUSE_PASSWORD": "secret",
		"TCPLEDGER_CLICKHOUSE_USER": "somebody", "TCPLEDGER_TEST_MARK": "kept"} {
		t.Setenv(name, value)
	}
	process, err := child.Start(child.Command{Name: "tcpledger", Path: o.Exe, Args: o.args(), StopSignal: syscall.SIGTERM})
	require.NoError(t, err)
	awaitReady(t, o, process)
	answer(t, o, 20, endingsOf, endings(t, 10))
	pids := children(t, o)
	require.Len(t, pids, 4)
	for name, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		require.NoError(t, err)
		require.Contains(t, string(text), "TCPLEDGER_TEST_MARK=kept", name)
		for variable := range strings.SplitSeq(string(text), "\x00") {
			if strings.HasPrefix(variable, "TCPLEDGER_") && !strings.HasPrefix(variable, "TCPLEDGER_TEST_") && !strings.HasPrefix(variable, "TCPLEDGER_REQUIRE_") {
				t.Errorf("%s has %s", name, variable)
			}
		}
	}
	require.NoError(t, process.Stop(t.Context()))
}

// The first signal waits for an agent that does not end; the time that it would wait is longer than any test.
func TestASecondSignalHurries(t *testing.T) {
	o := withAgent(t)
	o.stopWithin = 24 * time.Hour
	held := make(chan os.Signal, 1) // one signal more than needed must not end the test
	signal.Notify(held, syscall.SIGINT)
	defer signal.Stop(held)
	stop := start(t, o)
	require.NoError(t, syscall.Kill(children(t, o)["agent"], syscall.SIGSTOP))
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	said(t, o, "stopping")
	require.Eventually(t, func() bool {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGINT))
		return strings.Contains(o.Out.(*logged.Text).String(), "stopping at once")
	}, wait.Long, 100*time.Millisecond)
	err := <-ended
	require.ErrorIs(t, err, child.ErrKilled)
	require.ErrorContains(t, err, "agent did not end in time")
}
