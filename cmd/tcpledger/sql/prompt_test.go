// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"
)

// screen is a real terminal with the program on it.
type screen struct {
	t       *testing.T
	keys    *os.File // the master's side
	device  *os.File // the program's side
	program *exec.Cmd
	mutex   sync.Mutex
	text    strings.Builder
	seen    int // bytes of text that were waited for
}

// open starts the program on a terminal of 120 columns.
func (l ledger) open(t *testing.T, state string, args ...string) *screen {
	t.Helper()
	keys, device, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(keys, &pty.Winsize{Rows: 50, Cols: 120}))
	s := &screen{t: t, keys: keys, device: device}
	s.program = exec.CommandContext(t.Context(), os.Args[0], l.args(args...)...)
	s.program.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm", "XDG_STATE_HOME="+state)
	s.program.Stdin, s.program.Stdout, s.program.Stderr = device, device, device
	s.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, s.program.Start())
	go s.watch()
	t.Cleanup(func() {
		_ = s.program.Process.Kill() // it may have ended
		require.NoError(t, device.Close())
		require.NoError(t, keys.Close())
	})
	return s
}

func (s *screen) watch() {
	chunk := make([]byte, 4096)
	for {
		n, err := s.keys.Read(chunk)
		s.mutex.Lock()
		s.text.Write(chunk[:n])
		s.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) all() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// want waits for a text behind the last one that was waited for, and gives what came before it.
func (s *screen) want(text string) string {
	s.t.Helper()
	before := ""
	found := func() bool {
		rest := s.all()[s.seen:]
		i := strings.Index(rest, text)
		if i >= 0 {
			before, s.seen = rest[:i], s.seen+i+len(text)
		}
		return i >= 0
	}
	for end := time.Now().Add(patience); !found(); time.Sleep(20 * time.Millisecond) {
		require.True(s.t, time.Now().Before(end), "no %q in %q", text, s.all()[s.seen:])
	}
	return before
}

// press types keys once the prompt is there.
func (s *screen) press(keys string) {
	s.t.Helper()
	_, err := s.keys.WriteString(keys)
	require.NoError(s.t, err)
}

// leaves waits for the end of the program and gives its exit code.
func (s *screen) leaves() int {
	s.t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = s.program.Wait() // its state says how it ended
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		require.Fail(s.t, "the program goes on", s.all())
	}
	return s.program.ProcessState.ExitCode()
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	up    = "\x1b[A"
)

func TestPrompt(t *testing.T) {
	l := newLedger(t)
	state := t.TempDir()
	s := l.open(t, state)
	cooked, err := term.GetState(int(s.device.Fd()))
	require.NoError(t, err)

	s.want(promptFirst)
	s.press("SELECT cause, endings\r")
	s.want(promptMore)
	s.press("FROM q_endings_by_ca\t") // the only name that begins like this
	s.want("q_endings_by_cause(")
	s.press("from = '2026-11-02 14:00:00',\r")
	s.want(promptMore)
	s.press("to = '2026-11-02 14:05:00') LIMIT 1;\r")
	s.want("│ peer_close │       6 │")
	s.want(", times are UTC\r\n")

	s.want(promptFirst)
	s.press("SELECT 'a' AS one, 2 AS two\\G\r")
	s.want("one: a\r\ntwo: 2\r\n")

	s.want(promptFirst)
	s.press("\\format csv\r")
	s.want(promptFirst)
	s.press(up + up + "\r") // the statement before the last, on one line
	s.want("SELECT cause, endings FROM q_endings_by_cause(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00') LIMIT 1;")
	s.want("\"peer_close\",6\r\n")

	s.want(promptFirst)
	s.press("SELEC 1;\r")
	s.want("error: Syntax error: failed at position 7")
	s.want(promptFirst)
	s.press("KILL QUERY WHERE 1;\r")
	s.want("error: this statement does more than read")
	s.want(promptFirst)
	s.press("SELECT (\r")
	s.want(promptMore)
	s.press(ctrlC)
	s.want(promptFirst) // the line and those before it are dropped
	s.press("SELECT 'again' AS word;\r")
	s.want("\"again\"\r\n")

	s.want(promptFirst)
	s.press("SELECT sleepEachRow(1) FROM numbers(600) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0;\r")
	l.eventuallyRuns(t, "sleepEachRow", 1)
	s.press(ctrlC)
	s.want("error: cancelled")
	l.eventuallyRuns(t, "sleepEachRow", 0)

	s.want(promptFirst)
	s.press(ctrlD)
	require.Zero(t, s.leaves(), s.all())
	after, err := term.GetState(int(s.device.Fd()))
	require.NoError(t, err)
	require.Equal(t, cooked, after, "the terminal is as it was")

	path := filepath.Join(state, "tcpledger", "sql_history")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(kept), "\nSELECT 'a' AS one, 2 AS two\\G\n")
	require.NotContains(t, string(kept), "SELECT (")

	s = l.open(t, state) // a later prompt has the statements of the first
	s.want(promptFirst)
	s.press(up + up + "\r")
	s.want("\r\n")
	s.want("again")
	s.want(promptFirst)
	require.NoError(t, s.program.Process.Signal(syscall.SIGTERM))
	require.Zero(t, s.leaves(), s.all())
	after, err = term.GetState(int(s.device.Fd()))
	require.NoError(t, err)
	require.Equal(t, cooked, after)
}

// What a process chose as its name does nothing to a terminal. A pipe gets it as it is (TestStatements).
func TestHostileBytesOnATerminal(t *testing.T) {
	l := newLedger(t)
	tables := `INSERT INTO tcpledger.connections (closed_at, host, owner_comm, received_at) VALUES ('2026-11-02 15:00:00', 'web-1', '\x1b[2Jevil\x07\x9b\n\xe2\x80\xae', now64(6))`
	require.NoError(t, l.db.Exec(t.Context(), tables))
	for _, format := range []string{"auto", "table", "vertical", "csv", "json", "tsv"} {
		s := l.open(t, t.TempDir(), "--format", format, "SELECT owner_comm FROM connections WHERE closed_at = '2026-11-02 15:00:00'")
		require.Zero(t, s.leaves(), s.all())
		s.want("evil")
		require.NotContains(t, s.all(), "\x1b", format)
		require.NotContains(t, s.all(), "\x07", format)
		require.NotContains(t, s.all(), "\u202e", format)
	}
	s := l.open(t, t.TempDir(), "SELECT `\x1b[2J`")
	require.Equal(t, 1, s.leaves())
	s.want("[2J")
	require.NotContains(t, s.all(), "\x1b")
}

// Ctrl-C ends a statement that is no prompt's, and the program.
func TestInterrupt(t *testing.T) {
	l := newLedger(t)
	s := l.open(t, t.TempDir(), "SELECT sum(sleepEachRow(1)) FROM numbers(600) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0")
	l.eventuallyRuns(t, "sleepEachRow", 1)
	s.press(ctrlC)
	require.Equal(t, 130, s.leaves(), s.all())
	s.want("cancelled")
	l.eventuallyRuns(t, "sleepEachRow", 0)
}
