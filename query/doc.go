// SPDX-License-Identifier: Apache-2.0

// Package query holds every question that tcpledger asks its tables. The page, `tcpledger postmortem`, `tcpledger decode --replay`
// and `tcpledger up` ask here; none of them has SQL of its own.
//
// A Client asks. A question takes the Window it is about, a Filter that narrows it, and the number of rows wanted if its answer may
// be long. Each answer is read with FINAL semantics, so that a replayed message changes none, and within limits of time and
// rows. A question only reads.
//
// testdata/*.test shows each question: the rows in the tables, what is asked, and the answer.
package query

//go:generate env TCPLEDGER_TEST_WRITE_GOLDEN=1 go test -count=1 -run TestTheProofOfTheDocument .
