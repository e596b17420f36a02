// SPDX-License-Identifier: Apache-2.0

// Package console is `tcpledger console`: the status page of package tcpledger/console on a port of its own.
package console

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

	"tcpledger/cmd/tcpledger/window"
	page "tcpledger/console"
	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// pageTime bounds each question of the page.
const pageTime = 4 * time.Second

// maxAnswers is the most memory that the answers of the pages under way take; each answer has at most 10,000 rows.
const maxAnswers = 256 << 20

// Options are what the page shows and where.
type Options struct {
	// Listen is host:port of the page; Flag is the flag that it came from, for the error message.
	Listen, Flag string
	// AllowedHosts are names that a browser may ask for the page by, besides those of program.HTTP.
	AllowedHosts []string
	// Agent and Ingester are host:port of the programs whose health is shown; "" leaves one out.
	Agent, Ingester string
	ClickHouse      clickhouse.Flags
	Kafka           kafkaconn.Flags
	// Zone is that of the times shown and typed.
	Zone text.Zone
	Log  *slog.Logger
	// Ready is called once the page answers. Nil calls nothing.
	Ready func()
}

// Command is `tcpledger console`.
func Command() *cobra.Command {
	var o Options
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Serve the status page: how connections end now, what was lost, how each part is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = program.Logger(cmd)
			program.Memory{Heap: maxAnswers}.Keep(o.Log)
			return o.run(cmd.Context(), program.Check(cmd))
		},
	}
	program.Checked(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8321", "`host:port` of the page")
	program.RegisterAllowedHosts(flags, &o.AllowedHosts)
	flags.StringVar(&o.Agent, "agent", "", "show the health of the agent at this `host:port`")
	flags.StringVar(&o.Ingester, "ingester", "127.0.0.1:8323", "show the health of the ingester at this `host:port`; empty for none")
	window.Zone(flags, &o.Zone)
	o.ClickHouse.Register(flags)
	o.Kafka.Register(flags)
	return cmd
}

// Run serves the page until ctx is done; that is no error.
func (o *Options) Run(ctx context.Context) error { return o.run(ctx, false) }

// run serves the page until ctx is done. With checkOnly it builds all of it, takes the port and gives it back.
func (o *Options) run(ctx context.Context, checkOnly bool) (err error) {
	if o.Listen == "" {
		return program.UsageError(errors.New("--listen: want a host:port"))
	}
	db, err := o.ClickHouse.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	transport, err := o.Kafka.Transport("tcpledger-console")
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	handler, err := page.Handler(page.Options{
		Client:  query.New(db, db.Name, pageTime),
		Parts:   o.parts(db, &kafka.Client{Addr: kafka.TCP(o.Kafka.Brokers...), Transport: transport}),
		Zone:    o.Zone.Location(),
		Version: program.Version,
		Log:     o.Log,
	})
	if err != nil {
		return fmt.Errorf("build the console: %w", err)
	}
	server, err := program.HTTP{Addr: o.Listen, Flag: o.Flag, AllowedHosts: o.AllowedHosts, Handlers: map[string]http.Handler{"/": handler}}.Listen()
	if err != nil {
		return err
	}
	if checkOnly {
		return server.Close()
	}
	o.Log.Info("console", "url", "http://"+server.Addr())
	if o.Ready != nil {
		o.Ready()
	}
	return server.Run(ctx)
}

func (o *Options) parts(db *clickhouse.DB, client *kafka.Client) []page.Part {
	parts := []page.Part{page.ClickHouse(db), page.Rollups(db), page.Kafka(client)}
	programs := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}}
	for _, p := range []struct{ name, addr string }{{"Ingester", o.Ingester}, {"Agent", o.Agent}} {
		if p.addr != "" {
			parts = append(parts, page.Program(p.name, baseURL(p.addr), programs))
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
