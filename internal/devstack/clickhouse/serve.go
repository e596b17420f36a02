// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse/chdb"
	"tcpledger/internal/devstack/clickhouse/front"
	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/port"
)

// query starts the listeners and then blocks on standard input, so that closing it ends the engine cleanly.
const query = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT count() FROM file('/dev/stdin', 'LineAsString')"

const (
	// lockWait is how long an engine that was killed may take to leave its directory.
	lockWait = 10 * time.Second
	// stopWithin is how long the engine may take for a clean end; the process that asks for it has a bound of its own.
	stopWithin = time.Hour
)

// Serve runs the engine on o.DataDir in a child process, and the front before it in this one, until standard input ends or the
// engine does. It is what the hidden command does.
func Serve(o Options, input io.Reader) error {
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	lock, err := dirlock.Acquire(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	engine, at, err := o.startEngine(dir, lock)
	if err != nil {
		return err
	}
	ended := make(chan error, 3) // one for each goroutine
	if err := o.serveFront(at, ended); err != nil {
		return errors.Join(err, engine.Kill())
	}
	go func() {
		_, err := io.Copy(io.Discard, input)
		ended <- err
	}()
	select {
	case <-engine.Done():
		if err := engine.Err(); err != nil {
			return err
		}
		return errors.New("the engine ended by itself")
	case err := <-ended:
		stopping, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return errors.Join(err, engine.Stop(stopping))
	}
}

// startEngine starts the engine on two free ports of its own address. The lock stays held for as long as the engine lives.
func (o Options) startEngine(dir string, lock *dirlock.Lock) (*child.Process, front.Front, error) {
	ports, err := port.FreeSeveral(2)
	if err != nil {
		return nil, front.Front{}, err
	}
	at := front.Front{Native: net.JoinHostPort(front.EngineHost, strconv.Itoa(ports[0])), HTTP: net.JoinHostPort(front.EngineHost, strconv.Itoa(ports[1]))}
	config, err := writeConfig(dir)
	if err != nil {
		return nil, at, err
	}
	args := []string{
		"--path=" + dir,
		"--config-file=" + config,
		"--log-level=information",
		"--tcp_port=" + strconv.Itoa(ports[0]),
		"--http_port=" + strconv.Itoa(ports[1]),
		"--query", query,
	}
	command := child.Command{Name: "engine", Path: o.Engine.Path, Args: append([]string{"local"}, args...), Output: os.Stderr, Keep: []*os.File{lock.File()}}
	if o.Engine.Library {
		command.Path, command.Args = "/proc/self/exe", chdb.Args(o.Engine.Path, args...)
	}
	engine, err := child.Start(command)
	return engine, at, err
}

// serveFront opens the two ports that clients use and serves on them. A failure to serve goes to ended.
func (o Options) serveFront(at front.Front, ended chan<- error) error {
	native, err := net.Listen("tcp4", port.Join(o.TCPPort))
	if err != nil {
		return err
	}
	http, err := net.Listen("tcp4", port.Join(o.HTTPPort))
	if err != nil {
		return errors.Join(err, native.Close())
	}
	go func() { ended <- at.ServeNative(native) }()
	go func() { ended <- at.ServeHTTP(http) }()
	return nil
}
