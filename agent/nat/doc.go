// SPDX-License-Identifier: Apache-2.0

// Package nat asks the connection tracking of the agent's network namespace how the other side sees a connection.
//
// A program in the kernel does the lookups, some dozens in a system call. It is loaded once: after that no capability is needed but CAP_BPF. The same
// questions over netlink would need CAP_NET_ADMIN for the agent's whole life, and a system call each.
package nat
