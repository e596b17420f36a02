// SPDX-License-Identifier: Apache-2.0

// Package devstack is what `tcpledger up` brings along: the hidden commands that its own child processes run.
package devstack

import (
	"github.com/spf13/cobra"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/chdb"
	"tcpledger/internal/devstack/kafka"
)

// Commands are the hidden commands embedded-clickhouse, embedded-chdb, embedded-kafka and embedded-reaper.
func Commands() []*cobra.Command {
	return []*cobra.Command{clickhouse.Command(), chdb.Command(), kafka.Command(), child.ReaperCommand()}
}
