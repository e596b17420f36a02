// SPDX-License-Identifier: Apache-2.0

// Package packettest runs packet.h, which finds the TCP header of a packet, over packets that its tests make. Its object is
// never loaded but by them.
package packettest

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -go-package packettest -target bpfel -type packet_case -type parsed -cc clang -strip llvm-strip -cflags "-mcpu=v3 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function" packet packet.bpf.c
