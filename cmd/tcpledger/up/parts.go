// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/kafka"
)

// How long each part may take for a clean end.
const (
	agentStop      = 15 * time.Second // it flushes what it holds
	ingesterStop   = 20 * time.Second // it stores and commits what it holds
	consoleStop    = 5 * time.Second
	clickhouseStop = 20 * time.Second
	kafkaStop      = 20 * time.Second
	// keeperGrace is how long an agent with file capabilities has after its parent died.
	keeperGrace = 2 * time.Second
)

// logBytes bounds a part's log file; the one before is kept too.
const logBytes = 8 << 20

func (r *run) kafka() *part {
	return &part{name: "kafka", stopWithin: kafkaStop, say: r.say, start: func(ctx context.Context) (running, error) {
		return started(kafka.Start(ctx, kafka.Options{DataDir: filepath.Join(r.o.Data, "kafka"), Port: r.o.KafkaPort, Exe: r.o.Exe,
			Output: r.logs["kafka"]}))
	}}
}

func (r *run) clickhouse(engine clickhouse.Engine) *part {
	return &part{name: "clickhouse", stopWithin: clickhouseStop, say: r.say, start: func(ctx context.Context) (running, error) {
		return started(clickhouse.Start(ctx, clickhouse.Options{Engine: engine, DataDir: filepath.Join(r.o.Data, "clickhouse"),
			TCPPort: r.o.ClickHousePort, HTTPPort: r.o.ClickHouseHTTPPort, Exe: r.o.Exe, Output: r.logs["clickhouse"]}))
	}}
}

func (r *run) ingester() *part {
	return r.program(ingesterStop, child.Command{
		Name: "ingester",
		Path: filepath.Join(filepath.Dir(r.o.Exe), ingesterProgram),
		Args: []string{"--brokers", r.stack.Kafka, "--clickhouse", r.stack.ClickHouse, "--listen", r.stack.Ingester},
	}, r.stack.Ingester)
}

func (r *run) agent() *part {
	command := child.Command{
		Name: "agent",
		Path: r.o.agentPath(),
		Args: []string{"--brokers", r.stack.Kafka, "--listen", r.stack.Agent, "--symbols-delay", "0s"},
	}
	for _, kind := range r.o.Enable {
		command.Args = append(command.Args, "--enable", kind)
	}
	for _, kind := range r.o.Disable {
		command.Args = append(command.Args, "--disable", kind)
	}
	if r.o.agentHasFileCapabilities() {
		command = child.Kept(r.o.Exe, command, keeperGrace)
	}
	return r.program(agentStop, command, r.stack.Agent)
}

func (r *run) console() *part {
	return &part{name: "console", stopWithin: consoleStop, say: r.say, start: func(ctx context.Context) (running, error) {
		console := newTask("console", func(ctx context.Context) error { return r.o.Hooks.Console(ctx, r.stack.Console, r.stack) })
		for {
			if listens(ctx, r.stack.Console) == nil {
				return console, nil
			}
			select {
			case <-console.Done():
				return nil, fmt.Errorf("starting the console: %w", console.Err())
			case <-ctx.Done():
				return nil, console.Stop(ctx)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}}
}

// program is a part that is one of our programs; it counts as started when it listens.
func (r *run) program(stopWithin time.Duration, command child.Command, listen string) *part {
	command.StopSignal, command.Output = syscall.SIGTERM, r.logs[command.Name]
	command.Env = []string{"TCPLEDGER_CONFIG="} // that file is for this program: the others would refuse its keys
	return &part{name: command.Name, stopWithin: stopWithin, say: r.say, start: func(ctx context.Context) (running, error) {
		process, err := child.Start(command)
		if err != nil {
			return nil, err
		}
		if err := process.Await(ctx, func(ctx context.Context) error { return listens(ctx, listen) }); err != nil {
			if killErr := process.Kill(); killErr != nil {
				return nil, killErr
			}
			return nil, err
		}
		return process, nil
	}}
}

// started makes an interface of a pointer, so that a nil one with an error stays nil.
func started[P running](p P, err error) (running, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// listens returns nil when something accepts connections at addr.
func listens(ctx context.Context, addr string) error {
	connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return connection.Close()
}

// openLogs opens the log file of every part that is a process.
func (r *run) openLogs() error {
	for _, name := range []string{"kafka", "clickhouse", "ingester", "agent"} {
		file, err := child.OpenLog(filepath.Join(r.o.Data, "log", name+".log"), logBytes)
		if err != nil {
			return err
		}
		r.logs[name] = file
	}
	return nil
}
