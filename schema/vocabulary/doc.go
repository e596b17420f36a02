// SPDX-License-Identifier: Apache-2.0

// Package vocabulary says once every name and number that the kernel side, the agent and the tables share: kinds of
// record, enums, flags and totals. The generator beside it writes the C header and the Go constants from these tables; the
// package schema reads the rest at run time. Numbers are never reused: months of messages hold them.
package vocabulary
