// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"errors"
	"fmt"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// ErrNoLandlock says that the kernel has no Landlock, or that it is switched off: Linux 5.13 and later can have it.
var ErrNoLandlock = errors.New("this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, and landlock in lsm=)")

// Supported returns ErrNoLandlock on a kernel without it.
func Supported() error {
	if _, err := ll.LandlockGetABIVersion(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoLandlock, err)
	}
	return nil
}

const (
	readFile = ll.AccessFSReadFile
	readDir  = ll.AccessFSReadDir
	// forFiles are the rights that a rule about a file may have; the rest is about folders.
	forFiles = ll.AccessFSExecute | ll.AccessFSWriteFile | ll.AccessFSReadFile | ll.AccessFSTruncate | ll.AccessFSIoctlDev
	// change is everything but running a program.
	change = ^uint64(ll.AccessFSExecute)
)

// handled is what each version of Landlock can deny.
func handled(version int) ll.RulesetAttr {
	attr := ll.RulesetAttr{HandledAccessFS: ll.AccessFSMakeSym<<1 - 1}
	if version >= 2 {
		attr.HandledAccessFS |= ll.AccessFSRefer
	}
	if version >= 3 {
		attr.HandledAccessFS |= ll.AccessFSTruncate
	}
	if version >= 4 {
		attr.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if version >= 5 {
		attr.HandledAccessFS |= ll.AccessFSIoctlDev
	}
	if version >= 6 {
		attr.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	return attr
}

// ruleset is a Landlock ruleset that is made and not yet in force.
type ruleset struct {
	fd   int
	attr ll.RulesetAttr
}

// landlock makes the ruleset. It opens the paths, so it must run before the user changes. A kernel without Landlock is
// ErrNoLandlock.
func (r Rules) landlock() (*ruleset, error) {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLandlock, err)
	}
	made := &ruleset{attr: handled(version)}
	if made.fd, err = ll.LandlockCreateRuleset(&made.attr, 0); err != nil {
		return nil, fmt.Errorf("landlock: %w", err)
	}
	for _, some := range []struct {
		paths  []string
		rights uint64
	}{{r.Write, change}, {r.Read, readFile | readDir}, {r.Execute, readFile | readDir | ll.AccessFSExecute}} {
		for _, path := range some.paths {
			if err := made.allow(path, some.rights); err != nil {
				return nil, fmt.Errorf("landlock: %s: %w", path, err)
			}
		}
	}
	if made.attr.HandledAccessNet == 0 {
		return made, nil
	}
	for _, port := range r.Bind {
		if err := ll.LandlockAddNetPortRule(made.fd, &ll.NetPortAttr{AllowedAccess: ll.AccessNetBindTCP, Port: uint64(port)}, 0); err != nil {
			return nil, fmt.Errorf("landlock: port %d: %w", port, err)
		}
	}
	return made, nil
}

// allow gives rights to a path; one that is not there is left out.
func (s *ruleset) allow(path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= forFiles
	}
	return ll.LandlockAddPathBeneathRule(s.fd, &ll.PathBeneathAttr{AllowedAccess: rights & s.attr.HandledAccessFS, ParentFd: fd}, 0)
}

// restrict puts the rules in force for this thread and what it turns into.
func (s *ruleset) restrict() error {
	if err := ll.LandlockRestrictSelf(s.fd, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}
