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

// withoutClouds builds promtool without its ways to find targets, which the rules do not need: a fifth less to build.
const withoutClouds = "-tags=remove_all_sd"

// promtool runs Prometheus's own tool, pinned by a module of its own: it has more dependencies than all of tcpledger.
func promtool(t *testing.T, arguments ...string) string {
	t.Helper()
	if os.Getenv("TCPLEDGER_TEST_QUICK") != "" {
		t.Skip("the quick run does not build promtool")
	}
	command := exec.CommandContext(t.Context(), "go", append([]string{"-C", "../test/promtool", "tool", "promtool"}, arguments...)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+os.Getenv("GOFLAGS")+" "+withoutClouds)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// The alerts are rules that Prometheus takes, and they say what their tests want.
func TestAlerts(t *testing.T) {
	folder, err := filepath.Abs("prometheus")
	require.NoError(t, err)
	require.Contains(t, promtool(t, "check", "rules", filepath.Join(folder, "tcpledger.rules.yml")), "SUCCESS: 3 rules found")
	require.Contains(t, promtool(t, "test", "rules", filepath.Join(folder, "tcpledger.rules.test.yml")), "SUCCESS")
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
