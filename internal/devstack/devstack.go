// SPDX-License-Identifier: Apache-2.0

// Package devstack is the real Kafka and the real ClickHouse on one machine, for `tcpledger up` and for tests.
//
//	kafka       franz-go's in-process broker on disk, in a child process
//	clickhouse  the engine in a child process: finding it, its configuration, its start
//	  chdb      ClickHouse as a library; all that is only so because of it
//	  front     what stands between clients and the engine
//	confine     a program that can touch little: own user, Landlock
//	child       child processes that die with their parent
//	dirlock     one user of a folder at a time
//	download    what was fetched, checked and sealed
//	port        free ports, and who has one
//
// A test asks kafkatest or clickhousetest for an engine of its own, on free ports and an empty folder; it ends with the test:
//
//	func TestMain(m *testing.M) { clickhousetest.Main(m) } // the test binary is its own child process
//
//	addr, httpAddr := clickhousetest.Start(t)
//
// The commands here are the hidden ones that the child processes run.
package devstack

import (
	"github.com/spf13/cobra"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/chdb"
	"tcpledger/internal/devstack/confine"
	"tcpledger/internal/devstack/kafka"
)

// Commands are the hidden commands embedded-clickhouse, embedded-chdb, embedded-confined, embedded-kafka, embedded-network and
// embedded-reaper.
func Commands() []*cobra.Command {
	return []*cobra.Command{clickhouse.Command(), chdb.Command(), confine.Command(), kafka.Command(), child.NetworkCommand(), child.ReaperCommand()}
}
