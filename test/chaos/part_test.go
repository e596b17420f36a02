// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/test/apachekafka"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
	"tcpledger/test/wait"
)

// part is one program of the stack, which can be started again on what it left.
type part struct {
	t       testing.TB
	name    string
	host    *lab.Host
	launch  func(*part) *child.Process
	process *child.Process
	down    bool   // it is meant to be
	dies    bool   // it ends by itself if its disk is full
	disk    string // a file system of its own, "" for none
	spool   string // of an agent
	pins    string
}

func (p *part) start() {
	p.t.Helper()
	p.process, p.down = p.launch(p), false
}

// run starts one of tcpledger's programs on the part's host, or in this network.
func (p *part) run(program string, args ...string) *child.Process {
	p.t.Helper()
	path := programs.Path(p.t, program)
	if p.host != nil {
		path, args = p.host.Within(path, args...)
	}
	process, err := child.Start(child.Command{Name: p.name, Path: path, Args: args, StopSignal: syscall.SIGTERM})
	require.NoError(p.t, err)
	return process
}

func (p *part) kill() {
	p.t.Helper()
	p.down = true
	require.NoError(p.t, p.process.Kill())
}

// stop ends the part in order, as a service manager does. A broker that has no quorum may need to be killed.
func (p *part) stop() {
	p.t.Helper()
	p.down = true
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := p.process.Stop(ctx)
	require.True(p.t, apachekafka.Clean(err) || p.dies && errors.Is(err, child.ErrKilled), "%s: %v", p.name, err)
}

// interrupt ends an agent's session as Ctrl-C does.
func (p *part) interrupt() {
	p.t.Helper()
	p.down = true
	require.NoError(p.t, syscall.Kill(p.process.PID(), syscall.SIGINT))
	select {
	case <-p.process.Done():
		require.NoError(p.t, p.process.Err())
	case <-time.After(wait.Long):
		p.t.Fatalf("%s does not end: %s", p.name, p.process.Tail())
	}
}

// stopWithin bounds the end of a part in order.
const stopWithin = time.Minute

// freeze stops every process of the part where it is; thaw lets it go on.
func (p *part) freeze() { p.signal(syscall.SIGSTOP) }

func (p *part) thaw() { p.signal(syscall.SIGCONT) }

func (p *part) signal(s syscall.Signal) {
	p.t.Helper()
	for _, pid := range family(p.process.PID()) {
		require.NoError(p.t, syscall.Kill(pid, s))
	}
}

// family is a process and all that came from it.
func family(pid int) []int {
	all := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

func (p *part) ended() bool {
	select {
	case <-p.process.Done():
		return true
	default:
		return false
	}
}

func (p *part) requireAlive() {
	p.t.Helper()
	if p.down || p.process == nil {
		return
	}
	require.False(p.t, p.ended(), "%s ended by itself: %v", p.name, p.process.Err())
}

// end is for the end of the test, whatever state the part is in.
func (p *part) end() {
	if p.process != nil && !p.ended() {
		_ = p.process.Kill()
	}
}
