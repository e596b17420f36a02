// SPDX-License-Identifier: Apache-2.0

// Package text is what tcpledger writes for people and reads from them: tables, counts, sizes, durations, and names that are
// safe to print.
package text
