// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
)

// commandName is the hidden command that a child process is started with.
const commandName = "embedded-clickhouse"

// Options says how to run the engine.
type Options struct {
	// Engine is what Find returned.
	Engine Engine
	// DataDir holds the tables, the written configuration and log/; one server at a time can have it.
	DataDir string
	// TCPPort and HTTPPort are on 127.0.0.1.
	TCPPort, HTTPPort int
	// Unconfined lets the engine run on a kernel without Landlock, also as the user of this process, and where web pages can reach
	// its own ports.
	Unconfined bool
	// Memory is what the whole engine may take, in bytes; 0 is a third of the machine's, within bounds.
	Memory int64
	// Exe has the hidden command; empty is this program itself.
	Exe string
	// Output gets what the child prints; nil keeps only its last lines.
	Output io.Writer
	// closed says that the engine's own ports are in a network that nobody else reaches.
	closed bool
}

// Server is a running engine. Stop ends it cleanly, Done tells when it has ended.
type Server struct {
	*child.Process
	options Options
}

// Start runs the engine in a child process and waits until it answers. The child has a network of its own if this user may make one:
// then nobody but the front reaches the engine.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("clickhouse: %w", err)
		}
		o.Exe = exe
	}
	o.closed = child.CanHaveNetwork(ctx, o.Exe) == nil
	command := child.Command{
		Name: "clickhouse", Path: o.Exe, Output: o.Output,
		Args: []string{
			commandName, "--data", o.DataDir, "--engine", o.Engine.Path, "--library=" + strconv.FormatBool(o.Engine.Library),
			"--unconfined=" + strconv.FormatBool(o.Unconfined), "--closed=" + strconv.FormatBool(o.closed),
			"--memory", strconv.FormatInt(o.Memory, 10),
		},
	}
	if o.closed {
		command = child.InOwnNetwork(o.Exe, command)
	}
	sockets, err := o.listen()
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	command.Keep = sockets
	server := &Server{options: o}
	server.Process, err = child.Start(command)
	for _, socket := range sockets {
		_ = socket.Close() // the child has its own; if it dies, the port must not stay
	}
	if err != nil {
		return nil, err
	}
	if err := server.Await(ctx, server.ping); err != nil {
		return nil, errors.Join(err, server.Kill())
	}
	return server, nil
}

// listen opens the two sockets that clients connect to, native and HTTP, in this process's network.
func (o Options) listen() ([]*os.File, error) {
	native, err := port.Listen(o.TCPPort)
	if err != nil {
		return nil, err
	}
	http, err := port.Listen(o.HTTPPort)
	if err != nil {
		return nil, errors.Join(err, native.Close())
	}
	return []*os.File{native, http}, nil
}

// Addr is where the native protocol is spoken, "127.0.0.1:port".
func (s *Server) Addr() string { return port.Join(s.options.TCPPort) }

// HTTPAddr is where HTTP is spoken, "127.0.0.1:port".
func (s *Server) HTTPAddr() string { return port.Join(s.options.HTTPPort) }

// ping asks for SELECT 1. HTTP begins to listen last, so the native port answers too by then.
func (s *Server) ping(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.HTTPAddr()+"/?query=SELECT+1", http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true // an idle connection would hold up the engine's end
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(text)) != "1" {
		return fmt.Errorf("SELECT 1 answered %s: %s", response.Status, text)
	}
	return nil
}

// Command is the hidden command that runs Serve; every program that calls Start without Exe must have it.
func Command() *cobra.Command {
	var o Options
	command := &cobra.Command{
		Use:    commandName,
		Short:  "run the ClickHouse engine until standard input ends",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return Serve(o, os.Stdin) },
	}
	flags := command.Flags()
	flags.StringVar(&o.DataDir, "data", "", "data directory")
	flags.StringVar(&o.Engine.Path, "engine", "", "libchdb.so or a clickhouse program")
	flags.BoolVar(&o.Engine.Library, "library", false, "the engine is a library")
	flags.BoolVar(&o.Unconfined, "unconfined", false, "run without Landlock if the kernel has none")
	flags.Int64Var(&o.Memory, "memory", 0, "bytes that the engine may take")
	flags.BoolVar(&o.closed, "closed", false, "nobody else reaches this network")
	return command
}
