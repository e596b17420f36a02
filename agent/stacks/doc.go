// SPDX-License-Identifier: Apache-2.0

// Package stacks turns kernel stacks into what travels: an address becomes (module build id, offset), which is the same
// on every host with that build, and the symbol tables of those builds go to Kafka once per fleet.
//
// Nothing here fails for want of symbols. Where the kernel hides its addresses, frames travel as raw addresses.
package stacks
