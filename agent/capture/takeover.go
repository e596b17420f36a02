// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// What the name of a pin begins with.
const (
	mapPin     = "map_"
	programPin = "program_"
	linkPin    = "link_"
)

// needed are the maps without which a session can be neither continued nor read.
var needed = []string{"ring", "streams", "totals", "stacks", "conns", "own_pids", "ignored_drops"}

// ErrIncomplete is the error of pins of which something is missing.
var ErrIncomplete = errors.New("pins are incomplete")

// notPinned is why a program of a session that was taken over is not attached.
const notPinned = "not attached when the session began"

// Pin pins a started capture under the session's number. From then on Close leaves the hooks in the kernel, unless Detach ended
// the session before. After an error nothing is pinned and the capture goes on.
func (c *Capture) Pin(p *Pins, session uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.collection == nil {
		return ErrNotStarted
	}
	made := p.path(making, c.layout, session)
	err := os.Mkdir(made, 0o700)
	if err == nil {
		err = c.pinAll(made)
	}
	final := p.path(whole, c.layout, session)
	if err == nil {
		err = os.Rename(made, final)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("pin the kernel side: %w", err), removePins(made))
	}
	c.pinned = final
	return nil
}

// pinAll pins the links last: what has no link does nothing.
func (c *Capture) pinAll(dir string) error {
	for name, m := range c.collection.Maps {
		if err := m.Pin(filepath.Join(dir, mapPin+pinName(name))); err != nil {
			return err
		}
	}
	for name, program := range c.collection.Programs {
		if err := program.Pin(filepath.Join(dir, programPin+name)); err != nil {
			return err
		}
	}
	for _, l := range c.links {
		if err := l.Pin(filepath.Join(dir, linkPin+l.program)); err != nil {
			return err
		}
	}
	return nil
}

// pinName is the name of a map in bpffs, which takes no dots.
func pinName(name string) string { return strings.ReplaceAll(name, ".", "-") }

// mapName undoes pinName.
func mapName(name string) string { return strings.ReplaceAll(name, "-", ".") }

// Fits reports whether this capture can go on with a pinned session: the same kernel side, to its last setting.
func (c *Capture) Fits(s PinnedSession) bool { return s.Whole && s.layout == c.layout }

// Readable reports whether Old can read what a pinned session holds: its records have the form that this version knows.
func (c *Capture) Readable(s PinnedSession) bool { return s.layout.records == c.layout.records }

// Resume goes on with a pinned session that fits, in place of Start. The hooks have run all the time. After an error the pins are
// as they were, and Start may follow.
func (c *Capture) Resume(s PinnedSession) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.adopt(s); err != nil {
		return errors.Join(err, c.close())
	}
	if err := c.fillFilters(); err != nil {
		return errors.Join(err, c.close())
	}
	if err := c.openLister(); err != nil {
		c.skipped[lister.program] = err.Error()
	}
	c.spec = nil
	return nil
}

// Old gives a pinned session that does not fit and is Readable, so that its ring is read to its end. It is for one pipeline that ends at once:
// its Detach detaches the hooks and removes the pins.
func (c *Capture) Old(s PinnedSession) (*Capture, error) {
	old := &Capture{config: c.config, features: c.features, skipped: map[string]string{}, dropReasons: c.dropReasons, resetReasons: c.resetReasons,
		layout: s.layout}
	old.mu.Lock()
	defer old.mu.Unlock()
	if err := old.adopt(s); err != nil {
		return nil, errors.Join(err, old.close())
	}
	return old, nil
}

// adopt opens all that is pinned.
func (c *Capture) adopt(s PinnedSession) error {
	c.pinned = s.dir
	c.collection = &ebpf.Collection{Maps: map[string]*ebpf.Map{}, Programs: map[string]*ebpf.Program{}}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read the pins: %w", err)
	}
	for _, entry := range entries {
		if err := c.openPin(s.dir, entry.Name()); err != nil {
			return err
		}
	}
	for _, h := range hooks {
		if c.collection.Programs[h.program] == nil && c.skipped[h.program] == "" {
			c.skipped[h.program] = notPinned
		}
	}
	for _, name := range needed {
		if c.collection.Maps[name] == nil {
			return fmt.Errorf("%w: %s has no map %s", ErrIncomplete, s.dir, name)
		}
	}
	return c.openRing()
}

func (c *Capture) openPin(dir, name string) error {
	path := filepath.Join(dir, name)
	if err := checkOwner(path); err != nil {
		return err
	}
	if pinned, ok := strings.CutPrefix(name, mapPin); ok {
		m, err := ebpf.LoadPinnedMap(path, nil)
		if err != nil {
			return fmt.Errorf("open a pinned map: %w", err)
		}
		c.collection.Maps[mapName(pinned)] = m
	}
	if program, ok := strings.CutPrefix(name, programPin); ok {
		p, err := ebpf.LoadPinnedProgram(path, nil)
		if err != nil {
			return fmt.Errorf("open a pinned program: %w", err)
		}
		c.collection.Programs[program] = p
	}
	if program, ok := strings.CutPrefix(name, linkPin); ok {
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			return fmt.Errorf("open a pinned link: %w", err)
		}
		c.links = append(c.links, attachment{hookOf(program), l})
	}
	return nil
}

// hookOf gives the hook of a program, also of one that this version does not have.
func hookOf(program string) hook {
	for _, h := range hooks {
		if h.program == program {
			return h
		}
	}
	return hook{program: program}
}

// unpinLinks begins the end of a pinned session: from now on no run goes on with it, and a link that is closed is detached.
func (c *Capture) unpinLinks() error {
	if c.pinned == "" || len(c.links) == 0 {
		return nil
	}
	dir, name := filepath.Split(c.pinned)
	if rest, ok := strings.CutPrefix(name, whole); ok {
		to := filepath.Join(dir, ending+rest)
		if err := os.Rename(c.pinned, to); err != nil {
			return fmt.Errorf("begin the end of a pinned session: %w", err)
		}
		c.pinned = to
	}
	var errs []error
	for _, l := range c.links {
		if err := os.Remove(filepath.Join(c.pinned, linkPin+l.program)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove a pin: %w", err))
		}
	}
	return errors.Join(errs...)
}

// letGo closes what this process has of a pinned session. The hooks go on; what was not detached stays pinned. This process's number is no
// longer tcpledger's: another process may get it.
func (c *Capture) letGo() error {
	var errs []error
	if own := c.collection.Maps["own_pids"]; own != nil && len(c.links) > 0 {
		errs = append(errs, setKeys(own, nil))
	}
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	c.links = nil
	return errors.Join(errs...)
}
