// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Why pins cannot be used. Each comes wrapped in one line that says what to do.
var (
	ErrNoPins      = errors.New("nothing is pinned")
	ErrForeignPins = errors.New("pins that others may change")
	ErrPinsHeld    = errors.New("another agent holds the pins")
)

// DefaultPins is the folder of bpffs whose existence lets the agent pin.
const DefaultPins = "/sys/fs/bpf/tcpledger"

// Names of a session's folder. One that is being made or ended has another name, so that a crash in the middle shows.
const (
	making = "making_"
	whole  = "session_"
	ending = "ending_"
)

// sessionName has what a session's folder says: how far it is, the layout of its records, that of its kernel side, its number.
var sessionName = regexp.MustCompile(`^(making_|session_|ending_)([0-9a-f]{16})_([0-9a-f]{16})_([0-9a-f]{16})$`)

// Pins is a folder in bpffs. It keeps the kernel side of sessions while no agent runs: a folder each, in which maps, programs
// and links are pinned. One agent at a time holds it.
type Pins struct {
	dir  string
	lock *os.File
}

// PinnedSession is the kernel side of a session that an earlier run has pinned.
type PinnedSession struct {
	Session uint64
	// Whole says that all of it was pinned and that no run has begun to end it.
	Whole  bool
	layout layout
	dir    string
}

// OpenPins takes the folder, which must exist: whoever makes it allows the agent to leave the hooks attached when it ends. The
// error wraps ErrNoPins, ErrForeignPins or ErrPinsHeld, or is the file system's. The caller closes it after the captures that use it.
func OpenPins(dir string) (*Pins, error) {
	lock, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; make it in a bpffs, owned by the agent's user with mode 700", ErrNoPins, dir)
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("open the folder of pins: %w; systemd lets only root into /sys/fs/bpf: mount the folder where the agent's user may go", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the folder of pins: %w", err)
	}
	if err := takePins(dir, lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Pins{dir, lock}, nil
}

func takePins(dir string, folder *os.File) error {
	if err := CheckBPF(dir); err != nil {
		return err
	}
	if err := checkOwner(dir); err != nil {
		return err
	}
	err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w in %s", ErrPinsHeld, dir)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	return nil
}

// CheckBPF refuses a folder outside of a bpffs, or one that is to be made there: the error wraps ErrNoPins, or is the file system's.
func CheckBPF(dir string) error {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Statfs(filepath.Dir(dir), &fs)
	}
	if err != nil {
		return fmt.Errorf("ask for the file system of %s: %w", dir, err)
	}
	if fs.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%w: %s is not in a bpffs; mount one with `mount -t bpf bpf %s`", ErrNoPins, dir, filepath.Dir(dir))
	}
	return nil
}

// checkOwner refuses what another user owns or may change: its maps could say anything.
func checkOwner(path string) error {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	own := uint32(os.Geteuid())
	switch {
	case stat.Uid != own:
		return fmt.Errorf("%w: %s belongs to user %d, the agent is user %d", ErrForeignPins, path, stat.Uid, own)
	case stat.Mode&0o022 != 0:
		return fmt.Errorf("%w: %s has mode %o; others may write to it", ErrForeignPins, path, stat.Mode&0o777)
	}
	return nil
}

// Close gives the folder to the next agent.
func (p *Pins) Close() error { return p.lock.Close() }

// Sessions lists what earlier runs have left. It removes first what a run left that died while it pinned: nobody knows of those.
func (p *Pins) Sessions() ([]PinnedSession, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	var sessions []PinnedSession
	for _, entry := range entries {
		parts := sessionName.FindStringSubmatch(entry.Name())
		if parts == nil {
			continue // not ours
		}
		path := filepath.Join(p.dir, entry.Name())
		if parts[1] == making {
			if err := removePins(path); err != nil {
				return nil, err
			}
			continue
		}
		if err := checkOwner(path); err != nil {
			return nil, err
		}
		s := PinnedSession{dir: path, Whole: parts[1] == whole, layout: layout{records: parts[2], all: parts[3]}}
		if s.Session, err = strconv.ParseUint(parts[4], 16, 64); err != nil {
			return nil, fmt.Errorf("read the session of %s: %w", path, err)
		}
		sessions = append(sessions, s)
	}
	return sessions, nil
}

// path of a session's folder.
func (p *Pins) path(stage string, l layout, session uint64) string {
	return filepath.Join(p.dir, fmt.Sprintf("%s%s_%s_%016x", stage, l.records, l.all, session))
}

// Remove removes a session's pins. If no agent has it open, the kernel detaches the hooks and frees the maps with what they hold.
func (p *Pins) Remove(s PinnedSession) error { return removePins(s.dir) }

// Uninstall removes every session's pins below dir and gives how many there were. It does not take ErrForeignPins for an obstacle:
// whoever may remove them, may.
func Uninstall(dir string) (int, error) {
	folder, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open the folder of pins: %w", err)
	}
	defer func() { _ = folder.Close() }() // only the lock goes with it
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return 0, fmt.Errorf("%w in %s: stop it first", ErrPinsHeld, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("read the pins: %w", err)
	}
	removed := 0
	for _, entry := range entries {
		if !sessionName.MatchString(entry.Name()) {
			continue
		}
		if err := removePins(filepath.Join(dir, entry.Name())); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// removePins removes a session's folder: the links in the order in which hooks are detached, then the rest.
func removePins(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the pins: %w", err)
	}
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return removeOrder(a.Name()) - removeOrder(b.Name()) })
	for _, entry := range entries {
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a pin: %w", err)
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a session's pins: %w", err)
	}
	return nil
}

func removeOrder(name string) int {
	program, isLink := strings.CutPrefix(name, linkPin)
	if !isLink {
		return len(hooks)
	}
	for _, h := range hooks {
		if h.program == program {
			return h.detachOrder()
		}
	}
	return 0
}
