// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"slices"
	"strings"
	"structs"
)

// NameExe is the NameKey.Kind of executables. Cgroups have the number of their hierarchy, a CgroupHow.
const NameExe = 16

// The states of Names.
const (
	NamesBegun uint32 = iota // the kernel side is writing it
	NamesWhole
	NamesCut // the outermost parts are missing
)

// NameKey finds the path of a cgroup or of an executable in the map of names.
type NameKey struct {
	_    structs.HostLayout
	ID   uint64
	Kind uint32
	_    uint32
}

// Names is a path as its parts, the innermost first, each with a zero at its end.
type Names struct {
	_     structs.HostLayout
	Check uint64
	Used  uint32
	State uint32
	Parts [2032]byte
}

// Path is the absolute path, "/" for the root. If the outermost parts are missing, "…" stands for them.
func (n *Names) Path() string {
	parts := bytes.Split(n.Parts[:min(int(n.Used), len(n.Parts))], []byte{0})
	slices.Reverse(parts)
	var path strings.Builder
	if n.State == NamesCut {
		path.WriteString("/…")
	}
	for _, part := range parts[1:] {
		path.WriteString("/")
		path.Write(part)
	}
	if path.Len() == 0 {
		return "/"
	}
	return path.String()
}
