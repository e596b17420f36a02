// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"io/fs"

	"github.com/cespare/xxhash/v2"
)

const maxModules = 4 << 20

// loadedModules is /proc/modules at one moment.
type loadedModules struct {
	unsettled map[string]bool // being loaded or removed
	hash      uint64          // changes with every load and unload, not with use
}

// readModules is cheap beside /proc/kallsyms, which must be read again if the hash changed. A kernel without modules gives none.
func readModules(root fs.FS) loadedModules {
	m := loadedModules{unsettled: map[string]bool{}}
	h := xxhash.New()
	for line := range bytes.Lines(readBounded(root, "proc/modules", maxModules)) {
		f := bytes.Fields(line) // name size users used-by state address
		if len(f) < 6 {
			continue
		}
		for _, part := range [][]byte{f[0], f[4], f[5]} {
			_, _ = h.Write(append(part, 0))
		}
		if string(f[4]) != "Live" {
			m.unsettled[string(f[0])] = true
		}
	}
	m.hash = h.Sum64()
	return m
}
