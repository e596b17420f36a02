// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"tcpledger/console"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/query"
)

// pageTime bounds each question of the page.
const pageTime = 4 * time.Second

// consoleOptions are what the console shows and where.
type consoleOptions struct {
	listen          string
	flag            string // the flag listen came from
	allowedHosts    []string
	agent, ingester string // addresses of /healthz and /metrics, "" to leave out
	clickhouse      clickhouse.Flags
	kafka           kafkaconn.Flags
	log             *slog.Logger
}

func consoleCommand() *cobra.Command {
	var o consoleOptions
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Serve the status page: how connections end now, what was lost, how each part is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.log = program.Logger(cmd)
			return o.run(cmd.Context(), program.Check(cmd))
		},
	}
	program.Checked(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8321", "`host:port` of the page")
	program.RegisterAllowedHosts(flags, &o.allowedHosts)
	flags.StringVar(&o.agent, "agent", "", "show the health of the agent at this `host:port`")
	flags.StringVar(&o.ingester, "ingester", "127.0.0.1:8323", "show the health of the ingester at this `host:port`; empty for none")
	o.clickhouse.Register(flags)
	o.kafka.Register(flags)
	return cmd
}

// run serves the console until ctx ends, or, with checkOnly, builds all of it and gives it back.
func (o *consoleOptions) run(ctx context.Context, checkOnly bool) (err error) {
	if o.listen == "" {
		return program.UsageError(errors.New("--listen: want a host:port"))
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	transport, err := o.kafka.Transport("tcpledger-console")
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	handler, err := console.Handler(console.Options{
		Client:  query.New(db, db.Name, pageTime),
		Parts:   o.parts(db, &kafka.Client{Addr: kafka.TCP(o.kafka.Brokers...), Transport: transport}),
		Zone:    time.Local,
		Version: program.Version,
		Log:     o.log,
	})
	if err != nil {
		return fmt.Errorf("build the console: %w", err)
	}
	server, err := program.HTTP{Addr: o.listen, Flag: o.flag, AllowedHosts: o.allowedHosts, Handlers: map[string]http.Handler{"/": handler}}.Listen()
	if err != nil {
		return err
	}
	if checkOnly {
		return server.Close()
	}
	o.log.Info("console", "url", "http://"+server.Addr())
	return server.Run(ctx)
}

func (o *consoleOptions) parts(db *clickhouse.DB, client *kafka.Client) []console.Part {
	parts := []console.Part{console.ClickHouse(db), console.Kafka(client)}
	programs := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}}
	for _, p := range []struct{ name, addr string }{{"Ingester", o.ingester}, {"Agent", o.agent}} {
		if p.addr != "" {
			parts = append(parts, console.Program(p.name, baseURL(p.addr), programs))
		}
	}
	return parts
}

// baseURL takes host:port or a whole URL.
func baseURL(addr string) string {
	if strings.Contains(addr, "://") {
		return addr
	}
	return "http://" + addr
}
