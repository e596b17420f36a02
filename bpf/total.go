// SPDX-License-Identifier: Apache-2.0

package bpf

import "maps"

// TotalNames gives each slot in use the name of its total in checkpoints. The map is the caller's.
func TotalNames() map[Total]string { return maps.Clone(totalNames) }
