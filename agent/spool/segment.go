// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// block is what a file takes at least, however small it is.
const block = 4096

// segment is a file of frames. Its id is about the microsecond it was begun at, and always above that of the segment before it,
// whatever the clock does.
type segment struct {
	id    uint64
	path  string
	size  int64
	tried bool // a frame of it may have arrived at Kafka: it is not dropped
}

// disk is about how much room the segment takes.
func (s *segment) disk() int64 { return max(s.size, block) }

// ending is of the format's version: another version's files stay as they are.
const ending = ".v1"

var segmentName = regexp.MustCompile(`^([0-9a-f]{16})(\.v[0-9]+)$`)

func segmentPath(dir string, id uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", id, ending))
}

// nextID gives the id of a segment that begins now, after the one with the id last.
func nextID(last uint64, now time.Time) uint64 {
	return max(last+1, uint64(max(now.UnixMicro(), 0)))
}

// listing is what a folder holds: segments to read, and those of another version or host, both oldest first.
type listing struct {
	own   []*segment
	aside []*segment
	whys  map[string]int // why segments are set aside, how many
}

// list reads a folder. Empty segments are removed.
func list(dir, host string) (*listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	l := &listing{whys: map[string]int{}}
	for _, entry := range entries {
		parts := segmentName.FindStringSubmatch(entry.Name())
		if parts == nil || !entry.Type().IsRegular() {
			continue
		}
		s := &segment{path: filepath.Join(dir, entry.Name())}
		if s.id, err = strconv.ParseUint(parts[1], 16, 64); err != nil {
			return nil, err
		}
		if err := l.add(s, parts[2], host); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.own, byID)
	slices.SortFunc(l.aside, byID)
	return l, nil
}

func byID(a, b *segment) int {
	if a.id < b.id {
		return -1
	}
	return 1
}

func (l *listing) add(s *segment, version, host string) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if s.size = info.Size(); s.size == 0 {
		return os.Remove(s.path)
	}
	if version != ending {
		l.whys["of format "+version[1:]+", this version reads "+ending[1:]]++
		l.aside = append(l.aside, s)
		return nil
	}
	other, err := foreign(s, host)
	if err != nil {
		return err
	}
	if other != "" {
		l.whys[fmt.Sprintf("of host %q", other)]++
		l.aside = append(l.aside, s)
		return nil
	}
	l.own = append(l.own, s)
	return nil
}

// foreign gives the host of a segment's first message if it is not this one.
func foreign(s *segment, host string) (string, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	scan := scanner{file: file, size: s.size}
	for {
		f, err := scan.next()
		if errors.Is(err, io.EOF) {
			return "", nil // nothing says so
		}
		if err != nil {
			return "", err
		}
		if f.state != unknown {
			if string(f.key) == host {
				return "", nil
			}
			return string(f.key), nil
		}
	}
}

// syncDir makes what was done to a folder's entries last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
