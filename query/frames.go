// SPDX-License-Identifier: Apache-2.0

package query

import "tcpledger/schema"

// Frames gives the functions of a stack that tell its path, innermost first: no probe, entry or softirq frames.
func Frames(symbols []string) []string { return schema.Path(symbols) }
