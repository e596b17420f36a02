// SPDX-License-Identifier: Apache-2.0

package store

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// column is one column of a block of rows of type R.
type column[R any] interface {
	name() string
	data() proto.Column
	append(rows []R)
	// copyFrom appends the rows from to to (exclusive) of the same column of another block.
	copyFrom(other column[R], from, to int)
}

// field is a column with the function that takes its value from a row.
type field[R, T any] struct {
	title  string
	values proto.ColumnOf[T]
	of     func(*R) T
}

func (f *field[R, T]) name() string       { return f.title }
func (f *field[R, T]) data() proto.Column { return f.values }

func (f *field[R, T]) append(rows []R) {
	for i := range rows {
		f.values.Append(f.of(&rows[i]))
	}
}

func (f *field[R, T]) copyFrom(other column[R], from, to int) {
	values := other.(*field[R, T]).values
	for i := from; i < to; i++ {
		f.values.Append(values.Row(i))
	}
}

func u8[R any](name string, of func(*R) uint8) column[R] {
	return &field[R, uint8]{name, new(proto.ColUInt8), of}
}

func u16[R any](name string, of func(*R) uint16) column[R] {
	return &field[R, uint16]{name, new(proto.ColUInt16), of}
}

func u32[R any](name string, of func(*R) uint32) column[R] {
	return &field[R, uint32]{name, new(proto.ColUInt32), of}
}

func u64[R any](name string, of func(*R) uint64) column[R] {
	return &field[R, uint64]{name, new(proto.ColUInt64), of}
}

func i32[R any](name string, of func(*R) int32) column[R] {
	return &field[R, int32]{name, new(proto.ColInt32), of}
}

func i64[R any](name string, of func(*R) int64) column[R] {
	return &field[R, int64]{name, new(proto.ColInt64), of}
}

func boolean[R any](name string, of func(*R) bool) column[R] {
	return &field[R, bool]{name, new(proto.ColBool), of}
}

func text[R any](name string, of func(*R) string) column[R] {
	return &field[R, string]{name, new(proto.ColStr), of}
}

// binary is a String of bytes that need not be text.
func binary[R any](name string, of func(*R) []byte) column[R] {
	return &field[R, []byte]{name, new(proto.ColBytes), of}
}

// named is a LowCardinality(String).
func named[R any](name string, of func(*R) string) column[R] {
	return &field[R, string]{name, new(proto.ColStr).LowCardinality(), of}
}

func id[R any](name string, of func(*R) uuid.UUID) column[R] {
	return &field[R, uuid.UUID]{name, new(proto.ColUUID), of}
}

func idOrNull[R any](name string, of func(*R) uuid.NullUUID) column[R] {
	return &field[R, proto.Nullable[uuid.UUID]]{name, proto.NewColNullable[uuid.UUID](new(proto.ColUUID)), func(r *R) proto.Nullable[uuid.UUID] {
		o := of(r)
		return proto.Nullable[uuid.UUID]{Set: o.Valid, Value: o.UUID}
	}}
}

// ip is an IPv6 column: IPv4 is mapped, no address is all zeros.
func ip[R any](name string, of func(*R) netip.Addr) column[R] {
	return &field[R, proto.IPv6]{name, new(proto.ColIPv6), func(r *R) proto.IPv6 {
		if a := of(r); a.IsValid() {
			return proto.IPv6(a.As16())
		}
		return proto.IPv6{}
	}}
}

// ipOrNull is an address like ip, NULL if there is none.
func ipOrNull[R any](name string, of func(*R) netip.AddrPort) column[R] {
	return &field[R, proto.Nullable[proto.IPv6]]{name, new(proto.ColIPv6).Nullable(), func(r *R) proto.Nullable[proto.IPv6] {
		if a := of(r).Addr(); a.IsValid() {
			return proto.Nullable[proto.IPv6]{Set: true, Value: proto.IPv6(a.As16())}
		}
		return proto.Nullable[proto.IPv6]{}
	}}
}

// portOrNull is the port of an address, NULL if there is none.
func portOrNull[R any](name string, of func(*R) netip.AddrPort) column[R] {
	return &field[R, proto.Nullable[uint16]]{name, new(proto.ColUInt16).Nullable(), func(r *R) proto.Nullable[uint16] {
		a := of(r)
		return proto.Nullable[uint16]{Set: a.IsValid(), Value: a.Port()}
	}}
}

func moments() *proto.ColDateTime64Raw {
	return new(proto.ColDateTime64).WithPrecision(proto.PrecisionMicro).WithLocation(time.UTC).Raw()
}

func moment[R any](name string, of func(*R) row.Micros) column[R] {
	return &field[R, proto.DateTime64]{name, moments(), func(r *R) proto.DateTime64 { return proto.DateTime64(of(r)) }}
}

func momentOrNull[R any](name string, of func(*R) schema.Optional) column[R] {
	return &field[R, proto.Nullable[proto.DateTime64]]{name, &proto.ColNullable[proto.DateTime64]{Values: moments()},
		func(r *R) proto.Nullable[proto.DateTime64] {
			o := of(r)
			return proto.Nullable[proto.DateTime64]{Set: o.Known, Value: proto.DateTime64(o.Value)}
		}}
}

func u64OrNull[R any](name string, of func(*R) schema.Optional) column[R] {
	return &field[R, proto.Nullable[uint64]]{name, new(proto.ColUInt64).Nullable(), func(r *R) proto.Nullable[uint64] {
		o := of(r)
		return proto.Nullable[uint64]{Set: o.Known, Value: o.Value}
	}}
}

// u32OrNull stores a larger value as the largest of the column.
func u32OrNull[R any](name string, of func(*R) schema.Optional) column[R] {
	return &field[R, proto.Nullable[uint32]]{name, new(proto.ColUInt32).Nullable(), func(r *R) proto.Nullable[uint32] {
		o := of(r)
		return proto.Nullable[uint32]{Set: o.Known, Value: uint32(min(o.Value, math.MaxUint32))}
	}}
}

func texts[R any](name string, of func(*R) []string) column[R] {
	return &field[R, []string]{name, new(proto.ColStr).Array(), of}
}

func u64s[R any](name string, of func(*R) []uint64) column[R] {
	return &field[R, []uint64]{name, new(proto.ColUInt64).Array(), of}
}

func u32s[R any](name string, of func(*R) []uint32) column[R] {
	return &field[R, []uint32]{name, new(proto.ColUInt32).Array(), of}
}

// totals is a Map(LowCardinality(String), UInt64), sorted by key: a message that is read again must make the same row, and the
// order of a Go map differs each time.
func totals[R any](name string, of func(*R) map[string]uint64) column[R] {
	values := sortedMap{proto.NewMap[string, uint64](new(proto.ColStr).LowCardinality(), new(proto.ColUInt64))}
	return &field[R, map[string]uint64]{name, values, of}
}

type sortedMap struct {
	*proto.ColMap[string, uint64]
}

// Append appends a row's map in the order of its keys.
func (m sortedMap) Append(values map[string]uint64) {
	sorted := make([]proto.KV[string, uint64], 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		sorted = append(sorted, proto.KV[string, uint64]{Key: key, Value: values[key]})
	}
	m.AppendKV(sorted)
}

// AppendArr appends the maps of several rows.
func (m sortedMap) AppendArr(all []map[string]uint64) {
	for _, values := range all {
		m.Append(values)
	}
}

// errno gives an error number in 16 bits. A number that does not fit becomes the largest; the name beside it has it in full.
func errno(e int32) uint16 {
	if e < 0 || e > math.MaxUint16 {
		return math.MaxUint16
	}
	return uint16(e)
}
