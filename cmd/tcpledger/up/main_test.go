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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack"
	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/kafka"
	"tcpledger/internal/devstack/port"
)

// TestMain lets this test binary be the program under test and its engines, and, under their names, programs in place of
// the agent and the ingester: what they do is other packages' to test, what is done to them is tested here.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case agentProgram, ingesterProgram:
		if err := standIn(name, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	privileges := &cobra.Command{Use: "privileges", RunE: func(_ *cobra.Command, args []string) error {
		return (&Options{Exe: args[0]}).checkPrivileges()
	}}
	if child.RunHidden(append(devstack.Commands(), Command(hooks), privileges)...) {
		return
	}
	m.Run()
}

// standIn listens like one of our programs and writes its arguments, and when it is told to end, to DIR/NAME.told.
func standIn(name string, args []string) error {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	listener, err := net.Listen("tcp", args[slices.Index(args, "--listen")+1])
	if err != nil {
		return err
	}
	told, err := os.OpenFile(filepath.Join(filepath.Dir(os.Args[0]), "told"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(told, name, os.Getpid(), strings.Join(args, " "), "config="+os.Getenv("TCPLEDGER_CONFIG")); err != nil {
		return err
	}
	<-terminated
	if slices.Contains(args, "deaf") {
		select {}
	}
	if _, err := fmt.Fprintln(told, name, "stops"); err != nil {
		return err
	}
	return listener.Close()
}

// hooks does for real what the other rooms do, small.
var hooks = Hooks{
	Topics: func(ctx context.Context, broker string) error {
		return kafka.EnsureTopics(ctx, broker, []kafka.Topic{{Name: "events", Partitions: 1}})
	},
	Migrate: func(ctx context.Context, addr string) error {
		return onClickHouse(ctx, addr, "CREATE TABLE IF NOT EXISTS kept (n UInt64) ENGINE = MergeTree ORDER BY n", "INSERT INTO kept VALUES (1)")
	},
	Console: func(ctx context.Context, listen string, _ Stack) error {
		server := &http.Server{Addr: listen, ReadHeaderTimeout: time.Second}
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		return server.ListenAndServe()
	},
	RowsFlow: func(_ context.Context, _ string) (bool, error) { return true, nil },
}

func onClickHouse(ctx context.Context, addr string, statements ...string) error {
	conn, err := driver.Open(&driver.Options{Addr: []string{addr}})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range statements {
		if err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// options are for a stack of the test's own: ports, data, and programs beside each other in one folder.
func options(t *testing.T) Options {
	t.Helper()
	programs := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, name := range []string{agentProgram, ingesterProgram} {
		require.NoError(t, os.Symlink(self, filepath.Join(programs, name)))
	}
	text, err := os.ReadFile(self) // a link would not do: a program finds what lies beside the file it really is
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(programs, "tcpledger"), text, 0o755))
	o := Options{Data: filepath.Join(t.TempDir(), "data"), Exe: filepath.Join(programs, "tcpledger"), Hooks: hooks, Out: new(output)}
	for _, p := range []*int{&o.KafkaPort, &o.ClickHousePort, &o.ClickHouseHTTPPort, &o.ConsolePort, &o.AgentPort, &o.IngesterPort} {
		*p, err = port.Free()
		require.NoError(t, err)
	}
	return o
}

// output is what a person would see.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// said waits for a text in the output.
func said(t *testing.T, o Options, text string) {
	t.Helper()
	out := o.Out.(*output)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), text) }, time.Minute, 10*time.Millisecond,
		"waiting for %q", text)
}

// start runs the stack until stop, which returns Run's error.
func start(t *testing.T, o Options) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// told returns what the programs in place of agent and ingester wrote.
func told(t *testing.T, o Options) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(o.Exe), "told"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
