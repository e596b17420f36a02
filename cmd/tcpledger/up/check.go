// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/port"
	"tcpledger/internal/retry"
)

const (
	agentProgram    = "tcpledger-agent"
	ingesterProgram = "tcpledger-ingester"
	// leaveWait is how long the children of a stack that was killed may take to be gone.
	leaveWait = 5 * time.Second
)

// Check finds out what would keep the stack from starting, and starts nothing. The data directory is made if it is missing.
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
	err := o.checkPrivileges()
	if err != nil {
		return nil, err
	}
	if o.notes, err = o.checkConfinement(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWait)
	defer cancel()
	lock, err := dirlock.Acquire(ctx, o.Data)
	if err != nil {
		return nil, fmt.Errorf("%w (--data names another)", err)
	}
	if err := errors.Join(awaitGone(ctx, o.Data, "kafka", "clickhouse"), o.awaitPorts(ctx)); err != nil {
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

// portsEvery is how often the ports of a stack that was just killed are looked at.
var portsEvery = retry.Policy{First: 50 * time.Millisecond}

// awaitPorts is checkPorts that waits for processes of a stack that was just killed: they hold their ports until the kernel has
// closed everything. A port whose holder can be seen is an error at once.
func (o *Options) awaitPorts(ctx context.Context) (last error) {
	err := retry.Until(ctx, portsEvery, nil, func(context.Context) error {
		last = o.checkPorts()
		if last != nil && !errors.Is(last, port.ErrNoHolder) {
			return retry.Permanent(last)
		}
		return last
	})
	if err == nil {
		return nil
	}
	return last
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
