// SPDX-License-Identifier: Apache-2.0

// Package bpf is the kernel side of tcpledger: the compiled hooks, and the
// records they write, decoded. It loads nothing itself; agent/capture does.
//
// The layout of the records is fixed in record.h and mirrored in record.go;
// a test compares the two by the BTF of the object.
package bpf

import "github.com/cilium/ebpf"

// Spec returns the hooks and maps as compiled, ready to be changed and loaded.
// Each call parses the embedded object anew.
func Spec() (*ebpf.CollectionSpec, error) {
	return loadTcpledger()
}

// Object gives the compiled object. Its bytes must not be changed.
func Object() []byte { return _TcpledgerBytes }
