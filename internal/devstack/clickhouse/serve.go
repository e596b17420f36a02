// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse/chdb"
	"tcpledger/internal/devstack/clickhouse/front"
	"tcpledger/internal/devstack/confine"
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
	native, http, err := sockets()
	if err != nil {
		return err
	}
	engine, at, err := o.startEngine(dir, lock)
	if err != nil {
		return err
	}
	ended := make(chan error, 3) // one for each goroutine
	if err := o.serveFront(engine, at, native, http, ended); err != nil {
		return errors.Join(err, engine.Kill())
	}
	go func() {
		_, err := io.Copy(io.Discard, input)
		ended <- err
	}()
	select {
	case <-engine.Done():
		return whyEnded(engine.Err())
	case err := <-ended:
		stopping, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return errors.Join(err, engine.Stop(stopping))
	}
}

// whyEnded says why an engine ended that nobody ended.
func whyEnded(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return errors.New("the engine ended by itself")
	case errors.As(err, &exit) && exit.ExitCode() == chdb.ExitFailedWrite:
		return errors.New("the engine ended because it could not write: its disk is broken")
	}
	return err
}

// firstSocket is the descriptor of the first of the two sockets that this process gets from Start: native, then HTTP.
const firstSocket = 3

// sockets returns the listeners that clients connect to. Their network may be another than this process's.
func sockets() (native, http net.Listener, err error) {
	var both [2]net.Listener
	for i := range both {
		file := os.NewFile(uintptr(firstSocket+i), "socket")
		if both[i], err = net.FileListener(file); err != nil {
			return nil, nil, fmt.Errorf("the sockets of this process: %w", err)
		}
		if err := file.Close(); err != nil { // the engine must not get it
			return nil, nil, err
		}
	}
	return both[0], both[1], nil
}

// startEngine starts the confined engine on two free ports of its own address. The lock stays held for as long as the engine
// lives.
func (o Options) startEngine(dir string, lock *dirlock.Lock) (*child.Process, front.Front, error) {
	ports, err := port.FreeSeveral(2)
	if err != nil {
		return nil, front.Front{}, err
	}
	at := front.Front{Native: net.JoinHostPort(front.EngineHost, strconv.Itoa(ports[0])), HTTP: net.JoinHostPort(front.EngineHost, strconv.Itoa(ports[1]))}
	rules, err := o.rules(dir, ports)
	if err != nil {
		return nil, at, err
	}
	seen := dir
	if rules.UID != 0 {
		seen = confine.Mount
	}
	if err := writeConfig(dir, seen, rules.UID, o.Memory); err != nil {
		return nil, at, err
	}
	binary, err := os.Open(o.Engine.Path)
	if err != nil {
		return nil, at, err
	}
	defer func() { _ = binary.Close() }() // the engine has its own
	args := []string{
		"--path=" + seen,
		"--config-file=" + filepath.Join(seen, configFile),
		"--log-level=information",
		"--tcp_port=" + strconv.Itoa(ports[0]),
		"--http_port=" + strconv.Itoa(ports[1]),
		"--query", query,
	}
	command := child.Command{Name: "engine", Path: self, Output: os.Stderr, Keep: []*os.File{lock.File(), binary}}
	if o.Engine.Library {
		command.Args = rules.Args(self, chdb.Args(keptBinary, args...)...)
	} else {
		command.Args = rules.Args(keptBinary, append([]string{"local"}, args...)...)
	}
	engine, err := child.Start(command)
	return engine, at, err
}

const (
	// self is this program, whoever may pass the folders that it lies in.
	self = "/proc/self/exe"
	// keptBinary is the engine's file, which is the second that the child keeps.
	keptBinary = "/proc/self/fd/4"
)

// rules say what the engine can touch: its folder, its own file, what any program reads of the system. It cannot run programs and
// connects nowhere.
func (o Options) rules(dir string, ports []int) (confine.Rules, error) {
	own, err := os.Executable()
	if err != nil {
		return confine.Rules{}, err
	}
	uid := confine.OwnUser()
	return confine.Rules{
		UID:        uid,
		Dir:        dir,
		Write:      []string{"/dev/null"},
		Read:       append([]string{o.Engine.Path}, system...),
		Execute:    []string{own, o.Engine.Path, "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"},
		Bind:       ports,
		Unconfined: o.Unconfined || uid != 0,
	}, nil
}

// system is what the engine reads of the machine.
var system = []string{"/usr", "/lib", "/lib64", "/proc", "/sys", "/dev/zero", "/dev/random", "/dev/urandom", "/etc/ld.so.cache", "/etc/localtime",
	"/etc/timezone", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/ssl/openssl.cnf"}

// listeners is how many sockets the engine listens on.
const listeners = 2

var (
	errNotListening = errors.New("the engine does not listen yet")
	// listensWithin bounds the engine's start; it reads its data first.
	listensWithin = 5 * time.Minute
)

// serveFront waits for the engine's own ports, closes them to others, and serves clients. A failure to serve goes to ended.
func (o Options) serveFront(engine *child.Process, at front.Front, native, http net.Listener, ended chan<- error) error {
	ctx, cancel := context.WithTimeout(context.Background(), listensWithin)
	defer cancel()
	var open error
	err := engine.Await(ctx, func(context.Context) error {
		listening, err := front.Close(engine.PID())
		if errors.Is(err, front.ErrOpen) {
			open, err = err, nil
		}
		if err == nil && listening != listeners {
			err = errNotListening
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case open == nil || o.closed:
	case o.Unconfined:
		_, _ = fmt.Fprintln(os.Stderr, "note:", open)
	default:
		return open
	}
	go func() { ended <- at.ServeNative(native) }()
	go func() { ended <- at.ServeHTTP(http) }()
	return nil
}
