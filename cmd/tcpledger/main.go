// SPDX-License-Identifier: Apache-2.0

// Command tcpledger is what engineers type: the whole stack on one machine, the console, and questions to the ledger.
package main

import (
	"os"
	_ "time/tzdata" // the rules of the zones of --tz, for machines without them

	"github.com/spf13/cobra"

	"tcpledger/cmd/tcpledger/audit"
	"tcpledger/cmd/tcpledger/console"
	"tcpledger/cmd/tcpledger/decode"
	"tcpledger/cmd/tcpledger/ends"
	"tcpledger/cmd/tcpledger/logs"
	"tcpledger/cmd/tcpledger/postmortem"
	"tcpledger/cmd/tcpledger/retention"
	"tcpledger/cmd/tcpledger/rollups"
	"tcpledger/cmd/tcpledger/sql"
	"tcpledger/cmd/tcpledger/storms"
	"tcpledger/cmd/tcpledger/topics"
	"tcpledger/cmd/tcpledger/up"
	"tcpledger/internal/devstack"
	"tcpledger/internal/program"
)

func main() { os.Exit(program.Main(rootCommand())) }

func rootCommand() *cobra.Command {
	root := program.Command("tcpledger", "A ledger of how every TCP connection ended",
		"tcpledger keeps a ledger of how every TCP connection on a fleet ended: who ended it, why, in which kernel code path, and on\n"+
			"whose behalf. It runs the whole of it on this machine (up) and answers from the tables of a fleet.")
	root.AddCommand(up.Command(), console.Command(), postmortem.Command(), ends.Command(), audit.Command(), decode.Command(), migrateCommand(), topics.Command(),
		rollups.Command(), storms.Command(), retention.Command(), logs.Command(), logs.ExplainCommand(), sql.Command())
	root.AddCommand(devstack.Commands()...)
	return root
}
