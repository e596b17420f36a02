// SPDX-License-Identifier: Apache-2.0

// Package query holds the questions that tcpledger asks its tables: the named queries behind `tcpledger postmortem` and the
// console's page. Each is read with FINAL semantics, so that a replayed message changes no answer, and within limits.
package query
