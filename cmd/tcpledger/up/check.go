// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/port"
)

const (
	agentProgram    = "tcpledger-agent"
	ingesterProgram = "tcpledger-ingester"
	// leaveWait is how long the children of a stack that was killed may take to be gone.
	leaveWait = 5 * time.Second
)

// Check finds out what would keep the stack from starting, and starts nothing. The data directory is made where needed.
func Check(ctx context.Context, o Options) error {
	lock, err := check(ctx, &o)
	if err != nil {
		return err
	}
	return lock.Release()
}

// check finds out what would keep the stack from starting, before anything starts. The data directory's lock that it
// returns is the caller's. It fills in o.Exe.
func check(ctx context.Context, o *Options) (*dirlock.Lock, error) {
	if o.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this program: %w", err)
		}
		o.Exe = exe
	}
	for _, program := range o.programs() {
		if _, err := os.Stat(filepath.Join(filepath.Dir(o.Exe), program)); err != nil {
			return nil, fmt.Errorf("%s is not beside %s: run `make build`", program, o.Exe)
		}
	}
	if err := o.checkPrivileges(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWait)
	defer cancel()
	lock, err := dirlock.Acquire(ctx, o.Data)
	if err != nil {
		return nil, fmt.Errorf("%w (--data names another)", err)
	}
	if err := errors.Join(awaitGone(ctx, o.Data, "kafka", "clickhouse"), o.checkPorts()); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return lock, nil
}

// awaitGone waits for the engines of a stack that was just killed.
func awaitGone(ctx context.Context, data string, parts ...string) error {
	for _, part := range parts {
		lock, err := dirlock.Acquire(ctx, filepath.Join(data, part))
		if err != nil {
			return err
		}
		if err := lock.Release(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) programs() []string {
	if o.NoAgent {
		return []string{ingesterProgram}
	}
	return []string{agentProgram, ingesterProgram}
}

// checkPorts makes sure that every port is free and asked for once. All that are not are named at once.
func (o *Options) checkPorts() error {
	flags := []struct {
		name string
		port int
	}{
		{"--kafka-port", o.KafkaPort}, {"--clickhouse-port", o.ClickHousePort}, {"--clickhouse-http-port", o.ClickHouseHTTPPort},
		{"--console-port", o.ConsolePort}, {"--ingester-port", o.IngesterPort}, {"--agent-port", o.AgentPort},
	}
	if o.NoAgent {
		flags = flags[:len(flags)-1]
	}
	var all error
	asked := make(map[int]string)
	for _, flag := range flags {
		if flag.port < 1 || flag.port > 65535 {
			all = errors.Join(all, fmt.Errorf("%s %d is no port (1 to 65535)", flag.name, flag.port))
			continue
		}
		if other, twice := asked[flag.port]; twice {
			all = errors.Join(all, fmt.Errorf("%s and %s are both %d", other, flag.name, flag.port))
			continue
		}
		asked[flag.port] = flag.name
		if err := port.Check(flag.port); err != nil {
			all = errors.Join(all, fmt.Errorf("%w (%s names another)", err, flag.name))
		}
	}
	return all
}

// What the agent needs: capability numbers of the kernel.
const (
	capBPF     = 1 << unix.CAP_BPF
	capPerfmon = 1 << unix.CAP_PERFMON
)

// checkPrivileges makes sure that the agent will be able to load its programs, and names the command where it will not.
func (o *Options) checkPrivileges() error {
	if o.NoAgent {
		return nil
	}
	set := "CapAmb" // what a program without capabilities of its own inherits
	if os.Geteuid() == 0 {
		set = "CapEff"
	}
	has, err := capabilities(set)
	if err != nil {
		return err
	}
	if has&capBPF != 0 && has&capPerfmon != 0 || os.Geteuid() != 0 && o.agentHasFileCapabilities() {
		return nil
	}
	if os.Geteuid() == 0 {
		return errors.New("the agent needs CAP_BPF and CAP_PERFMON, which this root lacks (a container?): grant them, or use --no-agent")
	}
	return fmt.Errorf("the agent needs CAP_BPF and CAP_PERFMON (and CAP_SYSLOG for symbols): run `sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep %s`, or use --no-agent",
		o.agentPath())
}

func (o *Options) agentPath() string { return filepath.Join(filepath.Dir(o.Exe), agentProgram) }

func (o *Options) agentHasFileCapabilities() bool {
	size, err := unix.Getxattr(o.agentPath(), "security.capability", nil)
	return err == nil && size > 0
}

// capabilities reads one set of this process's capabilities, a bit for each.
func capabilities(set string) (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("reading this process's capabilities: %w", err)
	}
	_, after, found := strings.Cut(string(text), set+":\t")
	if !found {
		return 0, fmt.Errorf("reading this process's capabilities: no %s in /proc/self/status", set)
	}
	hex, _, _ := strings.Cut(after, "\n")
	return strconv.ParseUint(hex, 16, 64)
}
