// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/kafka/kafkatest"
	"tcpledger/test/wait"
)

// running is a program of ours that runs until the test ends.
type running struct {
	listen  string
	said    bytes.Buffer
	command *exec.Cmd
}

// start starts a program with --listen on a free port and an environment of its own. What it says is shown if the test fails.
func start(t *testing.T, environment []string, name string, arguments ...string) *running {
	t.Helper()
	return startCommand(t, environment, program(t, name), arguments...)
}

// startCommand is start for a command that becomes a program of ours.
func startCommand(t *testing.T, environment []string, name string, arguments ...string) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &running{listen: listener.Addr().String()}
	require.NoError(t, listener.Close())
	command := exec.Command(name, append(arguments, "--listen", r.listen)...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environment...)
	command.Stdout, command.Stderr = &r.said, &r.said
	r.command = command
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // how it ends is not what is tested
		if t.Failed() {
			t.Logf("%s said:\n%s", name, r.said.String())
		}
	})
	return r
}

// stop ends the program by a signal that it ends well by.
func (r *running) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, r.command.Process.Signal(signal))
	require.NoError(t, r.command.Wait(), "it said: %s", &r.said)
}

// get is the answer to GET path, "" while there is none.
func (r *running) get(path string) (int, string) {
	response, err := http.Get("http://" + r.listen + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(body)
}

// healthy waits until the program does its job.
func (r *running) healthy(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { code, _ := r.get("/healthz"); return code == http.StatusOK }, wait.Long, 50*time.Millisecond)
}

var metricName = regexp.MustCompile(`\btcpledger_(?:agent|ingester|build)_[a-z0-9_]+`)

// names are the metrics that a program shows.
func (r *running) names(t *testing.T) map[string]bool {
	t.Helper()
	_, body := r.get("/metrics")
	found := map[string]bool{}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			found[name] = true
		}
	}
	require.NotEmpty(t, found)
	return found
}

// aStorm writes a storm that goes on: without one its metric is absent.
func aStorm(t *testing.T, clickhouse string) {
	t.Helper()
	const statement = "INSERT INTO tcpledger.storms (what, began, ended, records, expected, made_at) " +
		"SELECT 'refused', now() - INTERVAL 1 MINUTE, now() + INTERVAL 1 HOUR, 500, 20, now64(3)"
	require.Eventually(t, func() bool { // the ingester may still be making the tables
		response, err := http.Post("http://"+clickhouse+"/", "text/plain", strings.NewReader(statement))
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, wait.Long, 100*time.Millisecond)
}

// Every metric that a page names is one that the agent or the ingester has.
func TestMetricsOfTheDocumentsExist(t *testing.T) {
	needKernel(t)
	broker := kafkatest.Start(t)
	clickhouse, overHTTP := clickhousetest.Start(t)
	topics := exec.CommandContext(t.Context(), program(t, "tcpledger"), "topics", "--apply", "--brokers", broker)
	out, err := topics.CombinedOutput()
	require.NoError(t, err, string(out))
	ingester := start(t, nil, "tcpledger-ingester", "--brokers", broker, "--clickhouse", clickhouse)
	agent := start(t, nil, "tcpledger-agent", "--brokers", broker, "--symbols-delay", "0s", "--spool", filepath.Join(t.TempDir(), "spool"), "--nat")
	ingester.healthy(t)
	agent.healthy(t)
	aStorm(t, overHTTP)

	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	require.NoError(t, err)
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "ARCHITECTURE.md"))
	named := map[string]string{}
	for _, page := range pages {
		for _, name := range metricName.FindAllString(read(t, page), -1) {
			named[name] = page
		}
	}
	require.Greater(t, len(named), 20)
	var missing []string
	require.Eventually(t, func() bool {
		missing = missing[:0]
		agents, ingesters := agent.names(t), ingester.names(t)
		for name, page := range named {
			if !agents[name] && !ingesters[name] {
				missing = append(missing, page+": "+name)
			}
		}
		return len(missing) == 0
	}, wait.Long, 200*time.Millisecond, "no program has these metrics: %v", &missing)
}
