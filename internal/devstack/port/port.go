// SPDX-License-Identifier: Apache-2.0

// Package port answers whether a port of this machine's loopback is free, and who has it.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Address is the host that everything embedded listens on.
const Address = "127.0.0.1"

// Join returns "127.0.0.1:port".
func Join(port int) string {
	return net.JoinHostPort(Address, strconv.Itoa(port))
}

// ErrInUse is wrapped by Check when something listens on the port.
var ErrInUse = errors.New("is in use")

// ErrNoHolder is wrapped by Check too when no process has the port that this one can see: its process is ending, or belongs
// to another user.
var ErrNoHolder = errors.New("by a process that cannot be seen")

// Check returns nil when something can listen on the port of 127.0.0.1. Otherwise the error names the port and, if /proc
// tells, the process that has it.
func Check(port int) error {
	socket, err := Listen(port)
	if err != nil {
		return err
	}
	return socket.Close()
}

// Listen returns a socket that listens on the port of 127.0.0.1, for a child process. Its errors are those of Check.
func Listen(port int) (*os.File, error) {
	listener, err := net.Listen("tcp4", Join(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		if found := holder(port); found != "" {
			return nil, fmt.Errorf("port %d %w by %s", port, ErrInUse, found)
		}
		return nil, fmt.Errorf("port %d %w %w", port, ErrInUse, ErrNoHolder)
	}
	if err != nil {
		return nil, fmt.Errorf("port %d cannot be listened on: %w", port, err)
	}
	defer func() { _ = listener.Close() }() // the file is its own
	return listener.(*net.TCPListener).File()
}

// Free returns a port that nothing listens on now.
func Free() (int, error) {
	ports, err := FreeSeveral(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

// Free ports are looked for below those that the kernel gives to outgoing connections, which come and go.
const (
	firstFree = 10_000
	lastFree  = 32_000
)

// FreeSeveral returns n different ports that nothing listens on now, on any loopback address.
func FreeSeveral(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for tries := 0; len(ports) < n; tries++ {
		candidate := firstFree + rand.IntN(lastFree-firstFree)
		listener, err := net.Listen("tcp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(candidate)))
		if err != nil && tries < lastFree-firstFree {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("no free port: %w", err)
		}
		if err := listener.Close(); err != nil {
			return nil, err
		}
		if !slices.Contains(ports, candidate) {
			ports = append(ports, candidate)
		}
	}
	return ports, nil
}

// holder returns "COMM (pid N)", or "" if the process cannot be found: other users' descriptors are hidden, and a process
// that ends has none in /proc while the kernel closes them.
func holder(port int) string {
	inodes := listeners(port)
	if len(inodes) == 0 {
		return ""
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !inodes[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(comm)), filepath.Base(process))
	}
	return ""
}

// listeners returns the "socket:[inode]" links of the sockets that listen on the port in this network namespace.
func listeners(port int) map[string]bool {
	const local, state, inode, listen = 1, 3, 9, "0A"
	suffix := fmt.Sprintf(":%04X", port)
	found := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[local], suffix) {
				found["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return found
}
