// SPDX-License-Identifier: Apache-2.0

// Command shop makes TCP connections and logs what happens to them with OpenTelemetry's Go SDK, as a business program does. With
// -serve it is the backend, which resets every second order; without, it sends orders, each on a connection of its own, and prints
// which order had which local end: what a test compares with.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Truth is what the program knows of an order: its client's end, and what its line says of it.
type Truth struct {
	Order string `json:"order"`
	Local string `json:"local"`
	Says  string `json:"says"` // network, client or nothing
}

func main() {
	collector := flag.String("collector", "", "host:port of the OTLP receiver (HTTP)")
	host := flag.String("host", "", "host.name of the lines")
	serve := flag.String("serve", "", "host:port to serve on")
	to := flag.String("to", "", "host:port to send orders to")
	n := flag.Int("n", 100, "orders")
	workers := flag.Int("workers", 8, "orders at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *collector, *host, *serve, *to, *n, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, collector, host, serve, to string, n, workers int) (err error) {
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpoint(collector), otlploghttp.WithInsecure())
	if err != nil {
		return err
	}
	name := map[bool]string{true: "backend", false: "shop-" + to[strings.LastIndexByte(to, ':')+1:]}[serve != ""]
	provider := sdk.NewLoggerProvider(sdk.WithProcessor(sdk.NewBatchProcessor(exporter)), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", name), attribute.String("host.name", host), attribute.Int("process.pid", os.Getpid()))))
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()
	logger := provider.Logger("shop")
	if serve != "" {
		return backend(ctx, serve)
	}
	return orders(ctx, logger, to, n, workers)
}

// orders sends n orders and prints the truth about each.
func orders(ctx context.Context, logger log.Logger, to string, n, workers int) error {
	next, truths := make(chan int), make(chan Truth)
	go func() {
		defer close(next)
		for i := range n {
			next <- i
		}
	}()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				truths <- order(ctx, logger, to, i)
			}
		})
	}
	go func() { all.Wait(); close(truths) }()
	encoder := json.NewEncoder(os.Stdout)
	var failed error
	for truth := range truths {
		failed = errors.Join(failed, encoder.Encode(truth))
	}
	return failed
}

// order sends one order on a connection of its own and logs what became of it.
func order(ctx context.Context, logger log.Logger, to string, i int) Truth {
	truth := Truth{Order: fmt.Sprintf("order-%s-%d", to[strings.LastIndexByte(to, ':')+1:], i), Says: []string{"network", "client", "nothing"}[i%3]}
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return truth
	}
	truth.Local = conn.LocalAddr().String()
	_, err = fmt.Fprintf(conn, "GET /%s HTTP/1.0\r\nHost: shop\r\nConnection: close\r\n\r\n", truth.Order)
	status := ""
	if err == nil {
		status, err = bufio.NewReader(conn).ReadString('\n')
	}
	_ = conn.Close()
	var record log.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(log.SeverityInfo)
	record.SetBody(attribute.StringValue(strings.TrimSpace(truth.Order + " " + status)))
	if err != nil || !strings.Contains(status, " 200 ") {
		record.SetSeverity(log.SeverityError)
		record.SetBody(attribute.StringValue(fmt.Sprintf("%s failed: %v %s", truth.Order, plain(err), strings.TrimSpace(status))))
	}
	record.AddAttributes(attribute.String("order.id", truth.Order))
	record.AddAttributes(ends(truth.Says, conn)...)
	logger.Emit(ctx, record)
	return truth
}

// plain is an error without the addresses that net puts before it.
func plain(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

// ends are the attributes in which a line says which connection it is about.
func ends(says string, conn net.Conn) []attribute.KeyValue {
	local, remote := conn.LocalAddr().(*net.TCPAddr), conn.RemoteAddr().(*net.TCPAddr)
	switch says {
	case "network":
		return []attribute.KeyValue{attribute.String("network.local.address", local.IP.String()), attribute.Int("network.local.port", local.Port),
			attribute.String("network.peer.address", remote.IP.String()), attribute.Int("network.peer.port", remote.Port)}
	case "client":
		return []attribute.KeyValue{attribute.String("client.address", local.IP.String()), attribute.String("client.port", strconv.Itoa(local.Port)),
			attribute.String("server.address", "shop.example"), attribute.Int("server.port", remote.Port)}
	}
	return nil
}

// backend answers every other connection and resets the others.
func backend(ctx context.Context, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for i := 0; ; i++ {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go answer(conn.(*net.TCPConn), i%2 == 0)
	}
}

func answer(conn *net.TCPConn, reset bool) {
	_, _ = bufio.NewReader(conn).ReadString('\n')
	if reset {
		_ = conn.SetLinger(0)
	} else {
		_, _ = conn.Write([]byte("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
	}
	_ = conn.Close()
}
