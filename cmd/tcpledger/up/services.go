// SPDX-License-Identifier: Apache-2.0

package up

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tcpledger/cmd/tcpledger/console"
	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/kafka"
	"tcpledger/internal/program/kafkaconn"
)

// How long each service may take for a clean end.
const (
	agentStop      = 15 * time.Second // it flushes what it holds
	ingesterStop   = 20 * time.Second // it stores and commits what it holds
	consoleStop    = 5 * time.Second
	clickhouseStop = 20 * time.Second
	kafkaStop      = 20 * time.Second
	// reaperGrace is how long an agent with file capabilities has after its parent died.
	reaperGrace = 2 * time.Second
)

// services are the parts of the stack in the order in which each needs those before it. They are stopped in the reverse
// order, which is that of the flow: the agent flushes into Kafka, the ingester stores and commits, then what they feed
// ends. What the ingester has not consumed stays in Kafka, on the disk.
func (r *run) services(engine clickhouse.Engine) []*service {
	list := []*service{
		{name: "kafka", stopWithin: kafkaStop, run: r.process(kafkaStop, r.startKafka), then: r.makeTopics},
		{name: "clickhouse", stopWithin: clickhouseStop, run: r.process(clickhouseStop, r.startClickHouse(engine)), then: r.migrate},
		{name: "console", stopWithin: consoleStop, run: r.console},
		{name: "ingester", stopWithin: ingesterStop, run: r.process(ingesterStop, r.startIngester)},
	}
	if !r.o.NoAgent {
		list = append(list, &service{name: "agent", stopWithin: agentStop, run: r.process(agentStop, r.startAgent), then: r.awaitRows})
	}
	for _, s := range list {
		s.say = r.say
		s.stopWithin = cmp.Or(r.o.stopWithin, s.stopWithin)
	}
	return list
}

// process is the life of a service that is a child process. The end of the life stops the child within its time, and kills it
// when r.hurry is done first.
func (r *run) process(stopWithin time.Duration, start func(context.Context) (*child.Process, error)) func(context.Context, func()) error {
	return func(ctx context.Context, answers func()) error {
		starting, cancel := context.WithTimeout(ctx, startWithin)
		defer cancel()
		process, err := start(starting)
		if err != nil {
			return err
		}
		answers()
		select {
		case <-process.Done():
			return process.Err()
		case <-ctx.Done():
		}
		stopping, cancel := context.WithTimeout(r.hurry, cmp.Or(r.o.stopWithin, stopWithin))
		defer cancel()
		return process.Stop(stopping)
	}
}

func (r *run) startKafka(ctx context.Context) (*child.Process, error) {
	server, err := kafka.Start(ctx, kafka.Options{DataDir: filepath.Join(r.o.Data, "kafka"), Port: r.o.KafkaPort, Exe: r.o.Exe,
		Output: r.logs["kafka"]})
	if err != nil {
		return nil, err
	}
	return server.Process, nil
}

func (r *run) startClickHouse(engine clickhouse.Engine) func(context.Context) (*child.Process, error) {
	return func(ctx context.Context) (*child.Process, error) {
		server, err := clickhouse.Start(ctx, clickhouse.Options{Engine: engine, DataDir: filepath.Join(r.o.Data, "clickhouse"),
			TCPPort: r.o.ClickHousePort, HTTPPort: r.o.ClickHouseHTTPPort, Unconfined: r.o.UnconfinedEngine, Exe: r.o.Exe, Output: r.logs["clickhouse"]})
		if err != nil {
			return nil, err
		}
		return server.Process, nil
	}
}

func (r *run) startIngester(ctx context.Context) (*child.Process, error) {
	return r.startProgram(ctx, r.stack.Ingester, child.Command{
		Name: "ingester",
		Path: filepath.Join(filepath.Dir(r.o.Exe), ingesterProgram),
		Args: []string{"--brokers", r.stack.Kafka, "--clickhouse", r.stack.ClickHouse, "--listen", r.stack.Ingester},
	})
}

func (r *run) startAgent(ctx context.Context) (*child.Process, error) {
	command := child.Command{
		Name: "agent",
		Path: r.o.agentPath(),
		Args: []string{"--brokers", r.stack.Kafka, "--listen", r.stack.Agent, "--symbols-delay", "0s", "--spool", filepath.Join(r.o.Data, "spool"),
			"--pins", "none"}, // nothing stays in the kernel
	}
	for _, kind := range r.o.Enable {
		command.Args = append(command.Args, "--enable", kind)
	}
	for _, kind := range r.o.Disable {
		command.Args = append(command.Args, "--disable", kind)
	}
	if r.o.agentHasFileCapabilities() {
		command = child.Reaped(r.o.Exe, command, reaperGrace)
	}
	return r.startProgram(ctx, r.stack.Agent, command)
}

// startProgram starts one of our programs and returns when it serves.
func (r *run) startProgram(ctx context.Context, listen string, command child.Command) (*child.Process, error) {
	command.StopSignal, command.Output = syscall.SIGTERM, r.logs[command.Name]
	return child.StartAndAwait(ctx, command, func(ctx context.Context) error { return serves(ctx, listen) })
}

// console runs in this process.
func (r *run) console(ctx context.Context, answers func()) error {
	o := console.Options{Listen: r.stack.Console, Flag: "console-port", Agent: r.stack.Agent, Ingester: r.stack.Ingester,
		ClickHouse: local(r.stack.ClickHouse), Kafka: kafkaconn.Flags{Brokers: []string{r.stack.Kafka}}, Ready: answers,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	return o.Run(ctx)
}

// serves returns nil when the program at addr answers HTTP, be it healthy or not: a program that waits for another has
// started. The agent answers once its kernel side is attached.
func serves(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
