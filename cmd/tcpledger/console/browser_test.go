// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser finds Chromium. Without one the test is skipped, or fails if TCPLEDGER_REQUIRE_REAL is set.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("TCPLEDGER_REQUIRE_REAL") != "" {
		t.Fatal("no chromium on this machine: apt-get install chromium")
	}
	t.Skip("no chromium on this machine: apt-get install chromium")
	return ""
}

// open opens the page for a few seconds of its own time and returns its elements and what it logged.
func open(t *testing.T, path, url string, more ...string) (dom, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
		"--virtual-time-budget=7000", "--dump-dom"}, more...)
	cmd := exec.CommandContext(ctx, path, append(args, url)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	return out.String(), errs.String()
}

// complaints are the lines that the page's console got: errors, and what the content policy refused.
func complaints(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			out = append(out, line)
		}
	}
	return out
}
