// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

const (
	networkName = "embedded-network"
	// networkIsThere is what the command says when it has no program to become.
	networkIsThere = "it has a network of its own"
)

// ErrNoNetwork says that a program cannot have a network namespace of its own: this user may not make user namespaces either.
var ErrNoNetwork = errors.New("this user may make no network namespace")

// InOwnNetwork is the command in a network namespace of its own: a loopback interface that nobody else reaches, and from which it
// reaches nothing else. Sockets that it keeps stay in the network in which they were opened. Exe is a program that has
// NetworkCommand.
func InOwnNetwork(exe string, command Command) Command {
	command.Args = append([]string{networkName, "--", command.Path}, command.Args...)
	command.Path, command.ownNetwork = exe, true
	return command
}

// CanHaveNetwork returns nil if InOwnNetwork works here, else an error that wraps ErrNoNetwork. It starts a process to find out: a
// system may allow the namespace and then nothing in it.
func CanHaveNetwork(ctx context.Context, exe string) error {
	process, err := Start(Command{Name: "a network namespace", Path: exe, Args: []string{networkName}, ownNetwork: true})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoNetwork, err)
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		return errors.Join(ctx.Err(), process.Kill())
	}
	if said := process.Tail(); !strings.Contains(said, networkIsThere) {
		return fmt.Errorf("%w: %s", ErrNoNetwork, said)
	}
	return nil
}

// giveNetwork has the kernel make the namespace with the process. Who lacks the right has it in a user namespace with the same user.
func giveNetwork(attr *syscall.SysProcAttr) error {
	own, err := cap.GetPID(0)
	if err != nil {
		return err
	}
	attr.Cloneflags = unix.CLONE_NEWNET
	if may, err := own.GetFlag(cap.Effective, cap.SYS_ADMIN); err != nil || may {
		return err
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	attr.AmbientCaps = []uintptr{uintptr(cap.NET_ADMIN)}
	return nil
}

// NetworkCommand is the hidden command that makes a new network namespace usable and becomes the program, without the right to change
// the network unless it is root.
func NetworkCommand() *cobra.Command {
	return &cobra.Command{
		Use:    networkName,
		Short:  "run a program in a network of its own",
		Hidden: true,
		RunE: func(command *cobra.Command, args []string) error {
			if err := raiseLoopback(); err != nil {
				return fmt.Errorf("raise the loopback interface: %w", err)
			}
			if len(args) == 0 {
				command.Println(networkIsThere)
				return nil
			}
			runtime.LockOSThread() // an exec takes its rights from the thread that calls it
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
				return err
			}
			return fmt.Errorf("run %s: %w", args[0], syscall.Exec(args[0], args, os.Environ()))
		},
	}
}

// raiseLoopback gives this network namespace 127.0.0.0/8.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}
