// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/test/programs"
	"tcpledger/test/wait"
)

// process is a started program. A failing test shows its output.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	said safeBuffer
	done chan error
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	return startCommand(t, name, exec.Command(programs.Path(t, name), args...))
}

// startCommand starts a program by a command that was made for it.
func startCommand(t testing.TB, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.said.String())
		}
	})
	return p
}

// stop asks the program to end and wants a clean exit.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.done:
		p.done <- nil
		require.NoError(p.t, err, "%s said:\n%s", p.name, p.said.String())
	case <-time.After(wait.Long):
		p.t.Fatalf("%s does not stop; it said:\n%s", p.name, p.said.String())
	}
}

// kill ends the program with SIGKILL, if it still runs.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.done <- <-p.done
}

// run runs a program to its end and returns its output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(programs.Path(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// healthy waits until a program's /healthz answers 200.
func healthy(t testing.TB, p *process, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + addr + "/healthz")
		if err != nil {
			return false
		}
		return r.Body.Close() == nil && r.StatusCode == http.StatusOK
	}, wait.Long, 50*time.Millisecond, "%s is not healthy; it said:\n%s", p.name, &p.said)
}
