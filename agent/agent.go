// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"tcpledger/agent/capture"
	"tcpledger/agent/nat"
	"tcpledger/agent/owner"
	"tcpledger/agent/pipeline"
	"tcpledger/agent/print"
	"tcpledger/agent/publish"
	"tcpledger/agent/sink"
	"tcpledger/agent/spool"
	"tcpledger/agent/stacks"
	"tcpledger/agent/symbols"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// drainFor is how long a clean stop waits for Kafka to take the messages of the queue.
const drainFor = 10 * time.Second

// agent is the parts that run. transport, publisher and symbols are nil with --stdout.
type agent struct {
	options   *options
	log       *slog.Logger
	out       io.Writer
	header    schema.Header
	began     time.Time
	registry  *prometheus.Registry
	capture   *capture.Capture
	nat       *nat.Table // nil: nobody is asked
	owners    *owner.Names
	resolver  *stacks.Resolver
	server    *program.HTTPServer
	transport *kafka.Transport
	publisher *publish.Publisher
	spool     *spool.Spool // nil: none
	symbols   *symbols.Uploader
	takeover  takeover
	resumed   bool // the session is that of an earlier run
}

// build makes the parts and starts none. The port is taken: run or server.Close gives it back.
func build(cmd *cobra.Command, o *options) (*agent, error) {
	a := &agent{options: o, log: program.Logger(cmd), out: cmd.OutOrStdout(), began: time.Now(), registry: program.NewRegistry("tcpledger-agent")}
	var health program.Health
	var err error
	if !o.stdout {
		a.transport, err = o.kafka.Transport("tcpledger-agent", schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols, schema.TopicBuilds)
		if err != nil {
			return nil, err
		}
	}
	if a.capture, err = capture.New(o.capture); err != nil {
		return nil, err
	}
	if a.header, err = newIdentity(o.hostID); err != nil {
		return nil, err
	}
	if a.owners, err = owner.New(a.capture, "/proc", "/sys/fs/cgroup", o.podLogs); err != nil {
		return nil, err
	}
	a.openNAT(&health)
	a.resolver = stacks.NewResolver(stacks.OpenHost()) // open until the process ends
	a.registry.MustRegister(a.capture.Collector(), a.resolver.Memory())
	health.Add("capture", a.capture.Err)
	if a.transport != nil {
		if !program.Check(cmd) { // a check leaves the folder to the agent that runs
			a.spool = a.openSpool()
		}
		if err := a.buildKafka(&health); err != nil {
			return nil, errors.Join(err, a.closeSpool())
		}
	}
	a.server, err = program.HTTP{Addr: o.http.Listen, Registry: a.registry, Health: &health, Pprof: o.http.Pprof, AllowedHosts: o.http.AllowedHosts,
		Handlers: map[string]http.Handler{"GET /status": program.SamePeer(http.HandlerFunc(a.serveStatus))}}.Listen()
	if err != nil {
		return nil, errors.Join(err, a.closeSpool())
	}
	return a, nil
}

// openNAT makes connection tracking ready to be asked. Without it the agent goes on: its rows then lack what the other side sees.
func (a *agent) openNAT(health *program.Health) {
	if !a.options.nat {
		return
	}
	table, err := nat.Open(a.registry, a.log)
	if err != nil {
		a.log.Warn("rows will not say how the other side sees a connection", "flag", "--nat", "err", err)
		return
	}
	a.nat = table
	health.Add("nat", table.Err)
}

// buildKafka makes the parts that talk to Kafka.
func (a *agent) buildKafka(health *program.Health) (err error) {
	o := a.options
	outage := program.NewOutage(a.log, "kafka")
	a.publisher = publish.New(publish.Config{Limits: o.queue, Brokers: o.kafka.Brokers, Transport: a.transport, Outage: outage, Log: a.log,
		Registry: a.registry, Spool: a.spool, Journal: journalOf{a}})
	a.symbols, err = symbols.New(symbols.Config{Limits: o.symbols, Source: a.resolver, Brokers: o.kafka.Brokers, Transport: a.transport, Log: a.log,
		Registry: a.registry})
	if err != nil {
		return err
	}
	health.Add("kafka", outage.Err)
	health.Add("queue", a.publisher.Err)
	health.Add("spool", a.publisher.SpoolErr)
	health.Add("symbols", a.symbols.Err)
	return nil
}

// run starts the parts and stops them in reverse: ctx ends the pipeline, its last batch ends the publisher, and the end of the
// publisher ends the rest. Kafka may be away at the start.
func (a *agent) run(ctx context.Context) error {
	p, err := a.start(func() bool { return program.Terminated(ctx) })
	if err != nil {
		return errors.Join(err, a.server.Close(), a.capture.Close(), a.takeover.close(), a.closeSpool())
	}
	a.log.Info("watching", "host", a.header.Host, "session", session(a.header.Session), "metrics", a.server.Addr())
	a.options.memory().Keep(a.log)

	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := p.Run(ctx)
		if a.publisher == nil {
			stop()
		}
		time.AfterFunc(drainFor, stop)
		return err
	})
	if a.publisher != nil {
		g.Go(func() error {
			defer stop()
			return a.publisher.Run(rest)
		})
		g.Go(func() error { return untilStopped(a.symbols.Run(rest)) })
	}
	g.Go(func() error { return a.server.Run(rest) })
	err = g.Wait()
	a.nat.Close()
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
	return errors.Join(err, a.capture.Close(), a.takeover.close(), a.closeSpool())
}

// start attaches the hooks and makes the pipeline. Its sink comes last, because it describes the host by what was attached. stopped
// says, when the pipeline's context has ended, whether a service manager stops the agent: then the session may go on without it.
func (a *agent) start(stopped func() bool) (*pipeline.Pipeline, error) {
	if err := a.begin(); err != nil {
		return nil, err
	}
	if err := a.resolver.Read(); err != nil {
		a.log.Warn("stacks go out without symbols", "err", err)
	}
	if err := dropCapabilities(a.options.nat); err != nil {
		return nil, err
	}
	status, err := a.capture.Status()
	if err != nil {
		return nil, err
	}
	missing := status.Missing()
	for _, m := range missing {
		a.log.Warn("a program is not attached", "tracepoint", m)
	}
	to, err := a.sink(missing)
	if err != nil {
		return nil, err
	}
	config := pipeline.Config{Limits: a.options.limits, Capture: a.capture, Owners: a.owners, Resolver: a.resolver,
		Stacks: a.options.cachedStacks(), Sink: to, NAT: a.nat, Registry: a.registry, Journal: a.takeover.journal}
	if a.resumed {
		config.Past = a.takeover.past
	}
	if a.takeover.pins != nil {
		config.Leave = stopped
	}
	return pipeline.New(config)
}

// sink makes the end of the flow: the terminal, or Kafka.
func (a *agent) sink(missing []string) (pipeline.Sink, error) {
	if a.publisher == nil {
		var names func(*schema.Stack) []string
		if a.options.stacks {
			names = a.resolver.Names
		}
		options := print.For(os.Stdout)
		options.Zone = a.options.zone.Location()
		return sink.NewTerminal(a.out, options, names)
	}
	release, machine, err := kernel()
	if err != nil {
		return nil, err
	}
	return sink.NewKafka(sink.KafkaConfig{Header: a.header, Release: release, Facts: a.facts(machine, missing), Limits: a.options.batch, Publisher: a.publisher,
		Symbols: a.symbols, Journal: a.takeover.journal}), nil
}

// untilStopped makes an end that was asked for no error.
func untilStopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// facts describe this host on the meta topic.
func (a *agent) facts(machine string, missing []string) schema.HostFacts {
	facts := schema.HostFacts{AgentVersion: program.Version, Machine: machine, CPUs: uint32(runtime.NumCPU()), Kinds: a.options.kinds(),
		Missing: missing}
	if a.resolver.Readable() == nil {
		facts.Symbols = 1
	}
	var err error
	if facts.MachineID, err = machineID(machineIDFile); err != nil {
		a.log.Warn("this machine is told from others by its boots only", "err", err)
	}
	return facts
}
