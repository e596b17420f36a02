// SPDX-License-Identifier: Apache-2.0

// Package embedded is what `tcpledger up` brings along: the hidden commands that its own child processes run.
package embedded

import (
	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/embedded/child"
	"tcpledger/cmd/tcpledger/embedded/clickhouse"
	"tcpledger/cmd/tcpledger/embedded/kafka"
)

// Commands are the hidden commands embedded-clickhouse, embedded-kafka and embedded-keeper.
func Commands() []*cobra.Command {
	return []*cobra.Command{clickhouse.Command(), kafka.Command(), child.KeeperCommand()}
}
