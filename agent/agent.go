// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"tcpledger/agent/capture"
	"tcpledger/agent/owner"
	"tcpledger/agent/pipeline"
	"tcpledger/agent/print"
	"tcpledger/agent/publish"
	"tcpledger/agent/stacks"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// drainFor is how long a clean stop waits for Kafka to take what the queue holds.
const drainFor = 10 * time.Second

// agent is all that runs. Parts that only go with Kafka are nil with --stdout.
type agent struct {
	log       *slog.Logger
	header    schema.Header
	began     time.Time
	kinds     []string
	registry  *prometheus.Registry
	capture   *capture.Capture
	resolver  *stacks.Resolver
	pipeline  *pipeline.Pipeline
	server    *program.HTTPServer
	transport *kafka.Transport
	publisher *publish.Publisher
	symbols   *stacks.Publisher
	ship      *pipeline.Ship
}

// build makes everything and starts nothing. The port is taken: run or server.Close gives it back.
func build(cmd *cobra.Command, o *options) (*agent, error) {
	a := &agent{log: program.Logger(cmd), began: time.Now(), registry: program.NewRegistry("tcpledger-agent")}
	var health program.Health
	config, err := o.capture()
	if err != nil {
		return nil, err
	}
	for _, k := range schema.CaptureKinds() {
		if config.Kinds[kindOf(k)] {
			a.kinds = append(a.kinds, k.String())
		}
	}
	a.transport, err = o.kafka.Transport("tcpledger-agent", schema.TopicEvents, schema.TopicMeta, schema.TopicSymbols, schema.TopicBuilds)
	if err != nil && !o.stdout {
		return nil, err
	}
	if a.capture, err = capture.New(config); err != nil {
		return nil, err
	}
	if a.header, err = newIdentity(o.hostID); err != nil {
		return nil, err
	}
	owners, err := owner.New("/proc", "/sys/fs/cgroup")
	if err != nil {
		return nil, err
	}
	a.resolver = stacks.NewResolver(os.DirFS("/"))
	sink, err := a.sink(cmd, o, &health)
	if err != nil {
		return nil, err
	}
	a.pipeline, err = pipeline.New(pipeline.Config{Capture: a.capture, Owners: owners, Resolver: a.resolver, Stacks: 4 * o.stackEntries,
		LingeringAfter: o.lingering(config), Sink: sink, Registry: a.registry})
	if err != nil {
		return nil, err
	}
	health.Add("capture", a.pipeline.Err)
	a.server, err = program.HTTP{Addr: o.http.Listen, Registry: a.registry, Health: &health, Pprof: o.http.Pprof, AllowedHosts: o.http.AllowedHosts,
		Handlers: map[string]http.Handler{"GET /status": program.SamePeer(http.HandlerFunc(a.serveStatus))}}.Listen()
	return a, err
}

// sink makes where the records go: the terminal, or Kafka.
func (a *agent) sink(cmd *cobra.Command, o *options, health *program.Health) (pipeline.Sink, error) {
	if o.stdout {
		return pipeline.NewTerminal(cmd.OutOrStdout(), print.For(os.Stdout), o.stacks, a.resolver)
	}
	outage := program.NewOutage(a.log, "kafka")
	a.publisher = publish.New(publish.Config{Brokers: o.kafka.Brokers, Transport: a.transport, QueueBytes: int64(o.queueBytes), Outage: outage,
		Log: a.log, Registry: a.registry})
	var err error
	a.symbols, err = stacks.NewPublisher(stacks.PublisherConfig{Resolver: a.resolver, Brokers: o.kafka.Brokers, Transport: a.transport,
		Delay: o.symbolsDelay, Log: a.log, Metrics: a.registry})
	if err != nil {
		return nil, err
	}
	health.Add("kafka", outage.Err)
	health.Add("queue", a.publisher.Err)
	health.Add("symbols", a.symbols.Err)
	a.ship = pipeline.NewShip(pipeline.Shipping{Header: a.header, Limits: o.limits, Publisher: a.publisher, Symbols: a.symbols})
	return a.ship, nil
}

// run starts the parts and stops them in reverse: ctx ends the pipeline, whose last batch ends the publisher, whose end
// ends the rest. Kafka may come later.
func (a *agent) run(ctx context.Context) error {
	if err := a.capture.Start(); err != nil {
		return errors.Join(err, a.server.Close())
	}
	if err := a.resolver.Read(); err != nil {
		a.log.Warn("stacks go out without symbols", "err", err)
	}
	if err := a.describe(); err != nil {
		return errors.Join(err, a.server.Close(), a.capture.Close())
	}
	a.log.Info("watching", "host", a.header.Host, "session", session(a.header.Session), "metrics", a.server.Addr())

	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := a.pipeline.Run(ctx)
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
	err := g.Wait()
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
	return errors.Join(err, a.capture.Close())
}

// untilStopped takes the end that was asked for as none.
func untilStopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// byDesign are the reasons not to be attached that say nothing about the kernel.
var byDesign = []string{"not enabled", "ran once at the start"}

// describe collects what the meta topic says about this host, once the hooks are attached.
func (a *agent) describe() error {
	if a.ship == nil {
		return nil
	}
	release, machine, err := kernel()
	if err != nil {
		return err
	}
	status, err := a.capture.Status()
	if err != nil {
		return err
	}
	facts := schema.HostFacts{AgentVersion: program.Version, Machine: machine, CPUs: uint32(runtime.NumCPU()), Kinds: a.kinds}
	if a.resolver.Readable() == nil {
		facts.Symbols = 1
	}
	for _, p := range status.Programs {
		if !p.Attached && !slices.Contains(byDesign, p.Why) {
			facts.Missing = append(facts.Missing, fmt.Sprintf("%s: %s", p.AttachPoint, p.Why))
		}
	}
	a.ship.Release, a.ship.Facts = release, facts
	return nil
}
