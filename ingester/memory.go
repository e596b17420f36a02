// SPDX-License-Identifier: Apache-2.0

package main

import (
	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/program"
)

const (
	// waiting is the messages that wait for a flush (pipeline).
	waiting = 64 << 20
	// perRow is a row of the widest table in its insert block, whose columns grow by doubling.
	perRow = 1536
	// symbolTables is the tables of symbols that are kept, and the one that is read (symbolize).
	symbolTables = 160 << 20
	// partitions are what one ingester reads alone by the default of tcpledger topics; each holds an answer, and unpacks it
	// through a window.
	partitions = 2*6 + 1
	window     = 8 << 20
)

// memory is the most that the ingester takes by its settings.
func (f *flags) memory() program.Memory {
	return program.Memory{Heap: waiting + uint64(f.flushRows)*perRow + symbolTables + partitions*(fetch.MaxAnswer+window)}
}
