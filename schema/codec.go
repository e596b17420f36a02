// SPDX-License-Identifier: Apache-2.0

package schema

import "net/netip"

// codec visits the fields of a record in wire order. The encoder, the decoder and the counter of fields are codecs, so that
// each record states its layout once. A row is one flat array: only the end of a record's own visit may grow. The structs
// inside a row (Identity, Socket, Owner, Context, Evidence, Counters) are frozen; see layout.go.
type codec interface {
	u8(*uint8)
	u16(*uint16)
	u32(*uint32)
	u64(*uint64)
	i32(*int32)
	i64(*int64)
	text(*string)
	addr(*netip.Addr)
	opt(*Optional)
	u32s(*[]uint32, int)
	u64s(*[]uint64, int)
	texts(*[]string, int)
}

// fieldCounter counts the fields of a visit.
type fieldCounter int

func (n *fieldCounter) u8(*uint8)            { *n++ }
func (n *fieldCounter) u16(*uint16)          { *n++ }
func (n *fieldCounter) u32(*uint32)          { *n++ }
func (n *fieldCounter) u64(*uint64)          { *n++ }
func (n *fieldCounter) i32(*int32)           { *n++ }
func (n *fieldCounter) i64(*int64)           { *n++ }
func (n *fieldCounter) text(*string)         { *n++ }
func (n *fieldCounter) addr(*netip.Addr)     { *n++ }
func (n *fieldCounter) opt(*Optional)        { *n++ }
func (n *fieldCounter) u32s(*[]uint32, int)  { *n++ }
func (n *fieldCounter) u64s(*[]uint64, int)  { *n++ }
func (n *fieldCounter) texts(*[]string, int) { *n++ }

func countFields(visit func(codec)) int {
	var n fieldCounter
	visit(&n)
	return int(n)
}
