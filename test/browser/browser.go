// SPDX-License-Identifier: Apache-2.0

// Package browser opens pages in a real browser.
package browser

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Find finds Chromium. Without one the test is skipped, or fails if TCPLEDGER_REQUIRE_REAL is set.
func Find(t *testing.T) string {
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

// quiet are the flags of a browser that does nothing by itself.
func quiet(t *testing.T) []string {
	return []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir()}
}

// Visit opens the page and closes the browser once done is closed: for pages that wait in real time.
func Visit(t *testing.T, path, url string, done <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(quiet(t), "--remote-debugging-port=0", url)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	select {
	case <-done:
	case <-ctx.Done():
		t.Errorf("the page did not end: %s", errs.String())
	}
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)) // its helpers too
	_ = cmd.Wait()
}

// Open opens the page in the browser at path for a few seconds of its own time and returns its elements and what the browser logged.
func Open(t *testing.T, path, url string, more ...string) (dom, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append(append(quiet(t), "--virtual-time-budget=7000", "--dump-dom"), more...)
	cmd := exec.CommandContext(ctx, path, append(args, url)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), errs.String())
	return out.String(), errs.String()
}

// Complaints are the lines that the page's console got: errors, and what the content policy refused.
func Complaints(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			out = append(out, line)
		}
	}
	return out
}
