// SPDX-License-Identifier: Apache-2.0

// Command shop makes TCP connections, and tells with OpenTelemetry's Go SDK what happens to them, in a log line and a span each, as a
// business program does. With
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
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
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
	name := flag.String("name", "storm", "name of the shop and its orders")
	says := flag.String("says", "network,client,nothing", "what the lines say of their connections, in turn")
	pause := flag.Duration("pause", 0, "time after each order")
	container := flag.String("container", "", "container.id of the lines, in place of a process id")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *serve != "" {
		err = backend(ctx, *serve)
	} else {
		s := &shop{name: *name, host: *host, container: *container, to: *to, says: strings.Split(*says, ","), pause: *pause}
		err = s.run(ctx, *collector, *n, *workers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// shop sends orders to an address.
type shop struct {
	name, host, container, to string
	says                      []string
	pause                     time.Duration
	logger                    log.Logger
	tracer                    trace.Tracer
}

// run sends n orders and prints the truth about each.
func (s *shop) run(ctx context.Context, collector string, n, workers int) (err error) {
	told, err := s.tell(ctx, collector)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, told(context.WithoutCancel(ctx))) }()
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
				truths <- s.order(ctx, i)
				time.Sleep(s.pause)
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

// order sends one order on a connection of its own, and tells in a line and in a span what became of it.
func (s *shop) order(ctx context.Context, i int) Truth {
	truth := Truth{Order: fmt.Sprintf("order-%s-%d", s.name, i), Says: s.says[i%len(s.says)]}
	ctx, span := s.tracer.Start(ctx, truth.Order, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	conn, err := net.Dial("tcp", s.to)
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
		failure := fmt.Sprintf("%s failed: %v %s", truth.Order, plain(err), strings.TrimSpace(status))
		record.SetSeverity(log.SeverityError)
		record.SetBody(attribute.StringValue(failure))
		span.SetStatus(codes.Error, failure)
	}
	attributes := append(ends(truth.Says, conn), attribute.String("order.id", truth.Order))
	record.AddAttributes(attributes...)
	span.SetAttributes(attributes...)
	s.logger.Emit(ctx, record)
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
