// SPDX-License-Identifier: Apache-2.0

package front

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sourceAddress is where a socket filter finds the source of an IPv4 packet.
const sourceAddress = -0x100000 + 12 // SKF_NET_OFF, iphdr.saddr

// onlyFront is a socket filter that drops every packet whose source is not Host: for a listening socket, also the first one.
var onlyFront = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: sourceAddress & 0xffffffff},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(net.ParseIP(Host).To4()), Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	{Code: unix.BPF_RET | unix.BPF_K},
}

// ErrOpen says that the engine's own ports are open to web pages too: some kernels let only the privileged set socket filters.
var ErrOpen = errors.New("this user may set no socket filter, so that a web page that finds the engine's own ports can ask it")

// CanClose returns ErrOpen if this user may not do what Close does.
func CanClose() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	err = hearOnlyFront(socket)
	if errors.Is(err, unix.EPERM) {
		return ErrOpen
	}
	return err
}

// Close closes the listening sockets of the process, which is a child of this one, to everybody but the front: a web page that is
// led to the engine's own ports connects from another address, and gets no answer. It returns how many sockets listen; the
// error is ErrOpen if they stay open.
func Close(pid int) (listening int, err error) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, fmt.Errorf("open the engine's process: %w", err)
	}
	defer func() { _ = unix.Close(process) }()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, err
	}
	var open error
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, "socket:") {
			continue // it is closed by now, or something else
		}
		number, err := strconv.Atoi(filepath.Base(link))
		if err != nil {
			return listening, err
		}
		listens, err := closeSocket(process, number)
		if listens && errors.Is(err, unix.EPERM) {
			open, err = ErrOpen, nil
		}
		if err != nil {
			return listening, fmt.Errorf("close the engine's own ports: %w", err)
		}
		if listens {
			listening++
		}
	}
	return listening, open
}

// closeSocket gives the process's socket the filter if it listens.
func closeSocket(process, number int) (listens bool, err error) {
	socket, err := unix.PidfdGetfd(process, number, 0)
	if errors.Is(err, unix.EBADF) {
		return false, nil // closed by now
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = unix.Close(socket) }()
	accepts, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || accepts == 0 {
		return false, err
	}
	return true, hearOnlyFront(socket)
}

func hearOnlyFront(socket int) error {
	filter := unix.SockFprog{Len: uint16(len(onlyFront)), Filter: &onlyFront[0]}
	return unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter)
}
