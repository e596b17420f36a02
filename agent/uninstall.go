// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tcpledger/agent/capture"
)

// uninstallCommand removes what a stopped agent has left in the kernel.
func uninstallCommand() *cobra.Command {
	var pins string
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove the hooks and maps that a stopped agent has left in the kernel for the next one",
		Long: "uninstall removes every pin of tcpledger. The kernel then detaches the hooks and frees the maps. What is still in the ring\n" +
			"buffer is gone: a session that is to end in order is ended by an agent that is stopped with SIGINT.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := capture.Uninstall(pins)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed the pins of %d sessions from %s\n", n, pins)
			return err
		},
	}
	cmd.Flags().StringVar(&pins, "pins", capture.DefaultPins, "`folder` of the pins")
	return cmd
}
