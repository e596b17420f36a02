// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/port"
	"tcpledger/test/logged"
	"tcpledger/test/wait"
)

// built is the folder that build made; TestMain removes it.
var built string

func TestMain(m *testing.M) {
	m.Run()
	_ = os.RemoveAll(built)
}

// build builds the three programs once and returns the folder that they are in. Any user may run them.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tcpledger-up-")
	if err != nil {
		return "", err
	}
	built = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	for name, folder := range map[string]string{"tcpledger": "cmd/tcpledger", agentProgram: "agent", ingesterProgram: "ingester"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "tcpledger/"+folder)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
	}
	return dir, nil
})

// options are for a stack of the test's own: the real programs, free ports and an empty data directory.
func options(t *testing.T) Options {
	t.Helper()
	programs, err := build()
	require.NoError(t, err)
	o := Options{Data: filepath.Join(t.TempDir(), "data"), Exe: filepath.Join(programs, "tcpledger"), Out: new(logged.Text)}
	ports, err := port.FreeSeveral(6)
	require.NoError(t, err)
	for i, p := range []*int{&o.KafkaPort, &o.ClickHousePort, &o.ClickHouseHTTPPort, &o.ConsolePort, &o.AgentPort, &o.IngesterPort} {
		*p = ports[i]
	}
	return o
}

// withAgent are options of a stack that captures this machine's events, which takes root.
func withAgent(t *testing.T) Options {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED") != "" {
			t.Fatal("this test needs root, and TCPLEDGER_REQUIRE_PRIVILEGED is set")
		}
		t.Skip("needs root: run as root, TCPLEDGER_REQUIRE_PRIVILEGED=1 makes that mandatory")
	}
	return options(t)
}

// args is the command line with these options.
func (o *Options) args() []string {
	args := []string{"up", "--data", o.Data}
	for flag, port := range map[string]int{"kafka": o.KafkaPort, "clickhouse": o.ClickHousePort, "clickhouse-http": o.ClickHouseHTTPPort,
		"console": o.ConsolePort, "agent": o.AgentPort, "ingester": o.IngesterPort} {
		args = append(args, "--"+flag+"-port", strconv.Itoa(port))
	}
	if o.NoAgent {
		args = append(args, "--no-agent")
	}
	return args
}

// said waits for a text in the output.
func said(t *testing.T, o Options, text string) {
	t.Helper()
	out := o.Out.(*logged.Text)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), text) }, wait.Long, 10*time.Millisecond,
		"waiting for %q in\n%s", text, out)
}

func ready(o Options) string { return "tcpledger ready: http://" + port.Join(o.ConsolePort) + "\n" }

// start runs the stack until stop, which returns Run's error.
func start(t *testing.T, o Options) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	said(t, o, ready(o))
	return stop
}

// children returns the process ids of the stack's own processes by name: kafka, clickhouse, ingester, agent.
func children(t *testing.T, o Options) map[string]int {
	t.Helper()
	found := make(map[string]int)
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		args := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
		for name, mark := range map[string][]string{
			"kafka":      {"embedded-kafka", filepath.Join(o.Data, "kafka")},
			"clickhouse": {"embedded-clickhouse", filepath.Join(o.Data, "clickhouse")},
			"ingester":   {filepath.Join(filepath.Dir(o.Exe), ingesterProgram), port.Join(o.IngesterPort)},
			"agent":      {filepath.Join(filepath.Dir(o.Exe), agentProgram), port.Join(o.AgentPort)},
		} {
			if slices.Contains(args, mark[0]) && slices.Contains(args, mark[1]) {
				found[name], err = strconv.Atoi(filepath.Base(filepath.Dir(file)))
				require.NoError(t, err)
			}
		}
	}
	return found
}

// ask asks the stack's tables for one number. They may be on their way back.
func ask(t *testing.T, o Options, sql string, args ...any) (n uint64, err error) {
	t.Helper()
	conn, err := driver.Open(&driver.Options{Addr: []string{port.Join(o.ClickHousePort)}, Settings: driver.Settings{"final": 1}})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	err = conn.QueryRow(t.Context(), sql, args...).Scan(&n)
	return n, err
}

// answer waits until the tables answer the question with at least want, and returns the answer.
func answer(t *testing.T, o Options, want uint64, sql string, args ...any) (n uint64) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool {
		n, err = ask(t, o, sql, args...)
		return err == nil && n >= want
	}, wait.Long, 100*time.Millisecond, "%s: %d, %v", sql, n, err)
	return n
}
