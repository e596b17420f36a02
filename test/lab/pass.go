// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"

	"golang.org/x/sys/unix"
)

// fill writes until the socket is full.
func fill(c *command) (answer, error) {
	if err := unix.SetNonblock(c.FD, true); err != nil {
		return answer{}, err
	}
	done, buf := 0, make([]byte, 64<<10)
	for {
		n, err := unix.SendmsgN(c.FD, buf, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EAGAIN) {
			return answer{N: done}, nil
		}
		if err != nil {
			return answer{N: done}, err
		}
		done += n
	}
}

// pass hands a descriptor from one actor to another through a socket file, named in IP: "take-listen" opens it, "pass"
// sends, "take" receives.
func pass(c *command) (answer, error) {
	file := &unix.SockaddrUnix{Name: c.IP}
	if c.Op == "take" {
		return take(c)
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return answer{}, err
	}
	if c.Op == "take-listen" {
		if err := unix.Bind(s, file); err != nil {
			return answer{}, err
		}
		return answer{FD: s}, unix.Listen(s, 1)
	}
	if err := unix.Connect(s, file); err != nil {
		return answer{}, err
	}
	if err := unix.Sendmsg(s, []byte{0}, unix.UnixRights(c.FD), nil, 0); err != nil {
		return answer{}, err
	}
	return answer{}, errors.Join(unix.Close(s), unix.Close(c.FD))
}

func take(c *command) (answer, error) {
	s, _, err := unix.Accept4(c.FD, unix.SOCK_CLOEXEC)
	if err != nil {
		return answer{}, err
	}
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(s, make([]byte, 1), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return answer{}, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return answer{}, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return answer{}, err
	}
	return tuple(fds[0]), errors.Join(unix.Close(s), unix.Close(c.FD))
}
