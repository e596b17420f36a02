// SPDX-License-Identifier: Apache-2.0

// Package stacks resolves kernel stacks: an address becomes (module build id, offset), which is the same on every host with
// that build. It has the symbol tables of those builds for whoever uploads them.
//
// Nothing here fails for want of symbols. If the kernel hides its addresses, frames travel as raw addresses.
package stacks
