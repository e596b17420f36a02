// SPDX-License-Identifier: Apache-2.0

// Package conntrack is the spec of a program that looks connections up in the kernel's connection tracking. It calls kernel functions that
// came with Linux 5.18, so it is an object of its own. It is attached to nothing: who asks runs it, and it changes nothing.
package conntrack

import "github.com/cilium/ebpf"

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package conntrack -target bpfel -cc clang -strip llvm-strip -cflags "-mcpu=v3 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function" conntrack conntrack.bpf.c

// Batch is how many connections one run looks up at most.
const Batch = 64

// The names in the object.
const (
	Program = conntrackProgLookUp
	Asked   = conntrackVarAsked // [Batch]Entry
	Count   = conntrackVarCount // uint32: how many of them are asked for
)

// Entry is a connection as its socket names it, and what a run finds of it. Ports are in network order, as addresses are; IPv4 fills the first
// four bytes.
type Entry = conntrackEntry

// Spec returns the program as compiled. Each call parses the embedded object anew.
func Spec() (*ebpf.CollectionSpec, error) { return loadConntrack() }
