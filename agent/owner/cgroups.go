// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

const (
	maxCgroups = 65_536 // in a walk, and remembered
	walkPause  = time.Second
	walkShare  = 20 // a walk takes at most one part in so many of the time
)

// hierarchy finds the path of a cgroup by its id, which is the inode number of its directory. Ids are not reused.
type hierarchy struct {
	mount string // "" for none
	paths *lru.Cache[uint64, string]
	next  time.Time // no walk before
	now   func() time.Time
	walks int
}

func newHierarchy(mount string) (*hierarchy, error) {
	paths, err := lru.New[uint64, string](maxCgroups)
	if err != nil {
		return nil, err
	}
	return &hierarchy{mount: mount, paths: paths, now: time.Now}, nil
}

// learn remembers a path if it is the cgroup's: the inode of its directory is the id. It reports whether it is.
func (h *hierarchy) learn(id uint64, path string) bool {
	if h.mount == "" || id == 0 || !strings.HasPrefix(path, "/") || strings.Contains(path, "/..") { // outside of our namespace
		return false
	}
	var s unix.Stat_t
	if unix.Lstat(filepath.Join(h.mount, path), &s) != nil || s.Ino != id {
		return false
	}
	h.paths.Add(id, path)
	return true
}

// path gives the cgroup's path below the mount, "/" for the root. It is "" if the cgroup was removed, or if it is too soon for
// another walk.
func (h *hierarchy) path(id uint64) string {
	if path, ok := h.paths.Get(id); ok || h.mount == "" || id == 0 {
		return path
	}
	began := h.now()
	if began.Before(h.next) {
		return ""
	}
	h.walk()
	h.next = began.Add(max(walkPause, walkShare*h.now().Sub(began)))
	path, ok := h.paths.Get(id)
	if !ok {
		h.paths.Add(id, "") // it existed before the walk and was not found: it was removed, for good
	}
	return path
}

func (h *hierarchy) walk() {
	h.walks++
	seen := 0
	// An error ends nothing: cgroups come and go while we walk, and some are not ours to look into.
	_ = filepath.WalkDir(h.mount, func(path string, d fs.DirEntry, err error) error {
		switch {
		case d == nil || !d.IsDir():
			return nil
		case seen >= maxCgroups:
			return fs.SkipAll
		case err != nil:
			return fs.SkipDir
		}
		seen++
		info, err := d.Info()
		if err != nil {
			return fs.SkipDir
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			h.paths.Add(stat.Ino, "/"+relative(h.mount, path))
		}
		return nil
	})
}

func relative(mount, path string) string {
	below, err := filepath.Rel(mount, path)
	if err != nil || below == "." {
		return ""
	}
	return below
}

// mounts gives the mount points of a host's hierarchies: the unified one, and the memory controller's on v1 and hybrid hosts.
func mounts(root string) map[schema.CgroupHow]string {
	found := map[schema.CgroupHow]string{}
	for _, path := range []string{root, filepath.Join(root, "unified")} {
		if fileSystem(path) == unix.CGROUP2_SUPER_MAGIC {
			found[schema.CgroupV2] = path
			break
		}
	}
	if path := filepath.Join(root, "memory"); fileSystem(path) == unix.CGROUP_SUPER_MAGIC {
		found[schema.CgroupMemory] = path
	}
	return found
}

func fileSystem(path string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0
	}
	return int64(s.Type)
}
