// SPDX-License-Identifier: Apache-2.0

package main

import (
	"tcpledger/internal/kafka/fetch"
	"tcpledger/internal/program"
)

const (
	// waiting is the messages that wait for a flush.
	waiting = 64 << 20
	// perRow is a row in its insert block: 600 bytes in columns that grow by half.
	perRow = 1024
	// symbolTables is the tables that are kept, and a page of stacks that get their names.
	symbolTables = (96 + 40) << 20
	// partitions are what one ingester reads alone by the default of tcpledger topics. Each holds an answer, a message, and the
	// window of a decompressor.
	partitions = 2*6 + 1
	message    = 4 << 20
	window     = 8 << 20
)

// memory is the most that the ingester takes by its settings.
func (f *flags) memory() program.Memory {
	return program.Memory{Heap: waiting + uint64(f.flushRows)*perRow + symbolTables + partitions*(fetch.MaxAnswer+message+window)}
}
