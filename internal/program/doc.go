// SPDX-License-Identifier: Apache-2.0

// Package program is what each of the three programs does around its job: the command tree, the configuration with its
// one source order, logs, the metrics and health server, the version, and the way in and out of main.
//
// A main reads:
//
//	func main() { os.Exit(program.Main(rootCommand())) }
//
// Flags are the only schema of the configuration: what Load does follows from the flags that a command declares.
package program
