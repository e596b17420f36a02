// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
)

// commandName is the hidden command that a child process is started with.
const commandName = "embedded-kafka"

// Options says how to run the broker.
type Options struct {
	// DataDir holds the log; one broker at a time can have it.
	DataDir string
	// Port is on 127.0.0.1.
	Port int
	// Exe has the hidden command; empty is this program itself.
	Exe string
	// Output gets what the child prints; nil keeps only its last lines.
	Output io.Writer
}

// Server is a running broker. Stop ends it cleanly, Done tells when it has ended.
type Server struct {
	*child.Process
	port int
}

// Start runs the broker in a child process and waits until it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := port.Check(o.Port); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	if o.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		o.Exe = exe
	}
	addr := port.Join(o.Port)
	process, err := child.StartAndAwait(ctx, child.Command{Name: "kafka", Path: o.Exe, Output: o.Output,
		Args: []string{commandName, "--data", o.DataDir, "--port", strconv.Itoa(o.Port)}},
		func(ctx context.Context) error { return answers(ctx, addr) })
	if err != nil {
		return nil, err
	}
	return &Server{Process: process, port: o.Port}, nil
}

// Addr is where the broker answers, "127.0.0.1:port".
func (s *Server) Addr() string { return port.Join(s.port) }

// Serve runs the broker in this process until input ends: what the hidden command does.
func Serve(dir string, port int, input io.Reader, log io.Writer) error {
	broker, err := Open(dir, port, log)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, input); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return broker.Close()
}

// Command is the hidden command that runs Serve; every program that calls Start without Exe must have it.
func Command() *cobra.Command {
	var dir string
	var port int
	command := &cobra.Command{
		Use:    commandName,
		Short:  "run the embedded Kafka until standard input ends",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			unix.Umask(0o077) // the log is its user's alone
			return Serve(dir, port, os.Stdin, os.Stderr)
		},
	}
	command.Flags().StringVar(&dir, "data", "", "data directory")
	command.Flags().IntVar(&port, "port", 0, "port on 127.0.0.1")
	return command
}

// answers returns nil when a Kafka broker answers at addr.
func answers(ctx context.Context, addr string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	conn := kafkago.NewConn(connection, "", 0)
	defer func() { _ = conn.Close() }() // nothing is left to read
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	_, err = conn.Brokers()
	return err
}
