// SPDX-License-Identifier: Apache-2.0

// Package schema is the contract that both sides of tcpledger import: the records, their wire format, the Kafka topics,
// the causes and how they are decided, and the ClickHouse tables. It imports nothing else of tcpledger.
package schema

//go:generate env TCPLEDGER_TEST_WRITE_GOLDEN=1 go test -count=1 -run TestTablesPage .
