// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// promtool builds Prometheus's own tool, pinned by a module of its own: it has more dependencies than all of tcpledger. Its ways to find
// targets stay out, since rules need none: a fifth less to build.
func promtool(t *testing.T) func(arguments ...string) string {
	t.Helper()
	if os.Getenv("TCPLEDGER_TEST_QUICK") != "" {
		t.Skip("the quick run does not build promtool")
	}
	tool := filepath.Join(t.TempDir(), "promtool")
	run := func(name string, arguments ...string) string {
		command := exec.CommandContext(t.Context(), name, arguments...)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	run("go", "-C", "../test/promtool", "build", "-tags", "remove_all_sd", "-o", tool, "github.com/prometheus/prometheus/cmd/promtool")
	return func(arguments ...string) string { return run(tool, arguments...) }
}

// The alerts are rules that Prometheus takes, and they say what their tests want.
func TestAlerts(t *testing.T) {
	folder, err := filepath.Abs("prometheus")
	require.NoError(t, err)
	tool := promtool(t)
	require.Contains(t, tool("check", "rules", filepath.Join(folder, "tcpledger.rules.yml")), "SUCCESS: 3 rules found")
	require.Contains(t, tool("test", "rules", filepath.Join(folder, "tcpledger.rules.test.yml")), "SUCCESS")
}

// Each metric that an alert asks for is one that the ingester has.
func TestAlertsAskForMetricsThatThereAre(t *testing.T) {
	rules, err := os.ReadFile("prometheus/tcpledger.rules.yml")
	require.NoError(t, err)
	job, err := os.ReadFile("../ingester/jobs/refreshes/refreshes.go")
	require.NoError(t, err)
	asked := regexp.MustCompile(`tcpledger_ingester_(\w+)`).FindAllStringSubmatch(string(rules), -1)
	require.Len(t, asked, 3)
	for _, metric := range asked {
		require.Contains(t, string(job), `gauge("`+metric[1]+`"`)
	}
}
