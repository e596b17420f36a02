// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/port"
)

// query starts the listeners and then blocks on standard input, so that closing it ends the server cleanly.
const query = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT count() FROM file('/dev/stdin', 'LineAsString')"

// lockWait is how long a server that was killed may take to leave its directory.
const lockWait = 10 * time.Second

// Serve runs the engine on o.DataDir in this process until standard input ends. It is what the hidden command does: the
// engine installs signal handlers of its own, so it gets a process of its own. Where the engine is a program, this
// process becomes it and Serve returns only errors.
func Serve(o Options) error {
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
	host := port.Address
	if o.Engine.Library {
		host = engineHost
		if err := relays(o); err != nil {
			return err
		}
	}
	config, err := writeConfig(dir, host)
	if err != nil {
		return err
	}
	args := []string{
		"--path=" + dir,
		"--config-file=" + config,
		"--log-level=information",
		"--tcp_port=" + strconv.Itoa(o.TCPPort),
		"--http_port=" + strconv.Itoa(o.HTTPPort),
		"--query", query,
	}
	if o.Engine.Library {
		err = runLibrary(o.Engine.Path, append([]string{"clickhouse-local"}, args...))
		runtime.KeepAlive(lock)
		return err
	}
	if err := lock.KeepOverExec(); err != nil {
		return err
	}
	err = syscall.Exec(o.Engine.Path, append([]string{"clickhouse", "local"}, args...), os.Environ())
	return fmt.Errorf("starting %s: %w", o.Engine.Path, err)
}

// runLibrary calls the library's clickhouse-local with these arguments, program name first.
func runLibrary(path string, argv []string) error {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("loading ClickHouse: %w", err)
	}
	symbol, err := purego.Dlsym(library, "chdb_query_cmdline")
	if err != nil {
		return fmt.Errorf("loading ClickHouse: %w", err)
	}
	var run func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterFunc(&run, symbol)
	pointers := make([]*byte, len(argv)+1)
	for i, arg := range argv {
		text, err := syscall.BytePtrFromString(arg)
		if err != nil {
			return fmt.Errorf("argument %q: %w", arg, err)
		}
		pointers[i] = text
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	for _, pointer := range pointers[:len(argv)] {
		pinner.Pin(pointer)
	}
	pinner.Pin(&pointers[0])
	run(int32(len(argv)), unsafe.Pointer(&pointers[0]))
	return nil
}
