// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const unitFile = "tcpledger-agent.service"

// unit reads the unit's settings by name; one that stands several times has several values.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(unitFile)
	require.NoError(t, err)
	settings := map[string][]string{}
	for line := range strings.Lines(string(content)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(name, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

func TestUnitStartsTheAgentAsItIs(t *testing.T) {
	settings := unit(t)
	require.Len(t, settings["ExecStart"], 1)
	words := strings.Fields(settings["ExecStart"][0])
	binary, arguments := filepath.Base(words[0]), words[1:]
	require.Equal(t, "tcpledger-agent", binary)
	sample, err := filepath.Abs("agent.yaml")
	require.NoError(t, err)
	for i := range arguments {
		arguments[i] = strings.ReplaceAll(arguments[i], "/etc/tcpledger/agent.yaml", sample)
	}
	require.Contains(t, arguments, sample)
	dump(t, binary, nil, arguments...)

	require.Equal(t, []string{"2"}, settings["RestartPreventExitStatus"])
	wrong := exec.CommandContext(t.Context(), program(t, binary), "--no-such-flag")
	var exit *exec.ExitError
	require.ErrorAs(t, wrong.Run(), &exit)
	require.Equal(t, 2, exit.ExitCode(), "the exit code of a wrong command line")
}

// maxExposure bounds what `systemd-analyze security` says of the unit: 0 is closed, 10 is a root service without limits.
const maxExposure = 2.5

// systemd itself judges how much of the machine the unit can reach.
func TestUnitIsConfined(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	threshold := fmt.Sprintf("--threshold=%.0f", maxExposure*10)
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", threshold, unitFile).CombinedOutput()
	require.NoError(t, err, string(out))
}

// systemd itself reads the unit, with the built program in the place it names.
func TestSystemdAcceptsTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	content, err := os.ReadFile(unitFile)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), unitFile)
	located := strings.ReplaceAll(string(content), "/usr/local/bin/tcpledger-agent", program(t, "tcpledger-agent"))
	require.NoError(t, os.WriteFile(path, []byte(located), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), unitFile, "a complaint about this unit")
}
