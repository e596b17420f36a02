// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"strings"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// CgroupPath gives the path of a cgroup that an owner was in, from its hierarchy's root, "" if the kernel side has forgotten it. Bytes
// that are no text are "?". A path that is too long begins with "/…".
func (c *Capture) CgroupPath(how schema.CgroupHow, id uint64) string { return c.path(id, uint32(how)) }

// ExecutablePath gives the path of an owner's executable by its number, as CgroupPath does.
func (c *Capture) ExecutablePath(id uint32) string { return c.path(uint64(id), bpf.NameExe) }

func (c *Capture) path(id uint64, kind uint32) string {
	if c.collection == nil {
		return ""
	}
	key := bpf.NameKey{ID: id, Kind: kind}
	if c.collection.Maps["names"].Lookup(&key, &c.names) != nil || c.names.State == bpf.NamesBegun { // a name less, and no error
		return ""
	}
	return strings.ToValidUTF8(c.names.Path(), "?")
}
