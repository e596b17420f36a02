// SPDX-License-Identifier: Apache-2.0

package bpf

// The object is tracked; CI regenerates it with the same clang (Debian 12's
// 14.0.6) and libbpf headers (1.1.2) and compares. bpf2go is pinned by go.mod.

//go:generate go run ../schema/vocabulary/generate ..
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package bpf -target bpfel -no-global-types -cc clang -strip llvm-strip -cflags "-mcpu=v3 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function" tcpledger tcpledger.bpf.c
