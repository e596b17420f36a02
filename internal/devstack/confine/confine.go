// SPDX-License-Identifier: Apache-2.0

// Package confine runs a program that can touch little: as a user of its own, with Landlock around it, with next to no
// environment. A confined program keeps its process id.
package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// commandName is the hidden command that confines itself and becomes the program.
const commandName = "embedded-confined"

// environment is all that a confined program gets: whoever may ask it anything may read its environment too.
var environment = []string{"PATH=/usr/bin:/bin", "TZ=UTC", "LC_ALL=C.UTF-8"}

// Rules say what the program can do.
type Rules struct {
	// UID is the user and the group that the program runs as, of OwnUser; 0 leaves them.
	UID int
	// Dir is the folder that the program works in and may change. With a UID it sees the folder as Mount, since that user may not
	// pass the folders above it.
	Dir string
	// Write are more files and folders that the program may change, Read those it may read, Execute those it may run and read.
	// What is not there is left out.
	Write, Read, Execute []string
	// Bind are the TCP ports that the program may listen on. It may connect nowhere.
	Bind []int
	// Unconfined runs the program without Landlock if the kernel has none; otherwise that is an error.
	Unconfined bool
}

// Args are the arguments of this program, which must have Command, that run a program under the rules.
func (r Rules) Args(program string, args ...string) []string {
	all := []string{commandName, "--uid", strconv.Itoa(r.UID), "--dir", r.Dir, "--unconfined=" + strconv.FormatBool(r.Unconfined)}
	for flag, paths := range map[string][]string{"--write": r.Write, "--read": r.Read, "--execute": r.Execute} {
		for _, path := range paths {
			all = append(all, flag, path)
		}
	}
	for _, port := range r.Bind {
		all = append(all, "--bind", strconv.Itoa(port))
	}
	return append(append(all, "--", program), args...)
}

// Command is the hidden command that Args names.
func Command() *cobra.Command {
	var r Rules
	command := &cobra.Command{
		Use:    commandName,
		Short:  "run a program that can touch little",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return r.become(args) },
	}
	flags := command.Flags()
	flags.IntVar(&r.UID, "uid", 0, "user and group to run as")
	flags.StringVar(&r.Dir, "dir", "", "working directory")
	flags.BoolVar(&r.Unconfined, "unconfined", false, "run without Landlock if the kernel has none")
	flags.StringArrayVar(&r.Write, "write", nil, "path to change")
	flags.StringArrayVar(&r.Read, "read", nil, "path to read")
	flags.StringArrayVar(&r.Execute, "execute", nil, "path to run")
	flags.IntSliceVar(&r.Bind, "bind", nil, "TCP port to listen on")
	return command
}

// become confines this thread and turns the process into the program. An exec takes its rights from the thread that calls it, so no
// other thread has to be confined before; the library that confines all threads cannot, beside purego's.
func (r Rules) become(args []string) error {
	runtime.LockOSThread()
	unix.Umask(0o077) // what the program makes is its user's alone
	dir := r.Dir
	if r.UID != 0 {
		dir = Mount
		if err := showAt(Mount, r.Dir); err != nil {
			return fmt.Errorf("confine: show %s at %s: %w", r.Dir, Mount, err)
		}
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	r.Write = append(r.Write, dir)
	rules, err := r.landlock()
	if err != nil && !(r.Unconfined && errors.Is(err, ErrNoLandlock)) {
		return err
	}
	if err := changeUser(r.UID); err != nil {
		return fmt.Errorf("confine: run as user %d: %w", r.UID, err)
	}
	// Rights that this process passes on to its other children are not the program's.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	// A change of the user clears what was set before.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	if rules != nil {
		if err := rules.restrict(); err != nil {
			return err
		}
	}
	return fmt.Errorf("confine: run %s: %w", args[0], syscall.Exec(args[0], args, environment))
}
