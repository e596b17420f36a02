// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// fieldLister is a codec that names the fields of a record in the order in which a visit comes to them.
type fieldLister struct {
	names map[unsafe.Pointer]string
	order []string
}

func (l *fieldLister) add(p unsafe.Pointer) {
	name, ok := l.names[p]
	if !ok {
		name = "?" // no field of the record
	}
	l.order = append(l.order, name)
}

func (l *fieldLister) u8(v *uint8)             { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) u16(v *uint16)           { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) u32(v *uint32)           { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) u64(v *uint64)           { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) i32(v *int32)            { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) i64(v *int64)            { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) text(v *string)          { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) addr(v *netip.Addr)      { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) opt(v *Optional)         { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) u32s(v *[]uint32, _ int) { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) u64s(v *[]uint64, _ int) { l.add(unsafe.Pointer(v)) }
func (l *fieldLister) texts(v *[]string, _ int) {
	l.add(unsafe.Pointer(v))
}

// collect notes the address and the path of each field of a struct, those of embedded structs too.
func (l *fieldLister) collect(v reflect.Value, path string) {
	for i := range v.NumField() {
		field, name := v.Field(i), path+v.Type().Field(i).Name
		_, optional := field.Interface().(Optional)
		_, address := field.Interface().(netip.Addr)
		if field.Kind() == reflect.Struct && !optional && !address {
			l.collect(field, name+".")
			continue
		}
		l.names[field.Addr().UnsafePointer()] = name
	}
}

// listFields names the fields of a record in wire order. Its second result is the fields that no visit comes to.
func listFields(record any, visit func(codec)) (order, unvisited []string) {
	l := &fieldLister{names: map[unsafe.Pointer]string{}}
	l.collect(reflect.ValueOf(record).Elem(), "")
	visit(l)
	seen := map[string]bool{}
	for _, name := range l.order {
		seen[name] = true
	}
	for _, name := range l.names {
		if !seen[name] {
			unvisited = append(unvisited, name)
		}
	}
	return l.order, unvisited
}

var (
	errShifted = errors.New("a field of the wire format has moved: append new fields at the end of Connection.visit or Event.visit")
	errNotKept = errors.New("a new field is not in the file of positions yet: run the test with TCPLEDGER_TEST_ADD_GOLDEN=1, which only appends")
)

// checkPositions compares a layout of today with the positions that were ever released.
func checkPositions(today, released []string) error {
	for i, name := range released {
		if i >= len(today) || today[i] != name {
			return fmt.Errorf("position %d was %s: %w", i, name, errShifted)
		}
	}
	if len(today) > len(released) {
		return fmt.Errorf("%v: %w", today[len(released):], errNotKept)
	}
	return nil
}

// Positions of the wire format are kept by name, so that a field in the middle of a struct that stands inside a row cannot
// shift what follows.
func TestPositionsStay(t *testing.T) {
	c, e, l, p := &Connection{}, &Event{}, &Loss{}, &Checkpoint{}
	for name, record := range map[string]struct {
		of    any
		visit func(codec)
	}{"connection": {c, c.visit}, "event": {e, e.visit}, "loss": {l, l.visit}, "checkpoint": {p, p.visit}} {
		t.Run(name, func(t *testing.T) {
			today, unvisited := listFields(record.of, record.visit)
			if name == "event" {
				require.Equal(t, []string{"Kind"}, unvisited, "the kind stands before the fields")
			} else {
				require.Empty(t, unvisited, "a field that is not on the wire")
			}
			path := filepath.Join("testdata", "positions.v1."+name+".txt")
			released := readLines(t, path)
			err := checkPositions(today, released)
			if errors.Is(err, errNotKept) && os.Getenv("TCPLEDGER_TEST_ADD_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(path, []byte(strings.Join(today, "\n")+"\n"), 0o644))
				return
			}
			require.NoError(t, err)
		})
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return strings.Fields(string(text))
}

// The test above sees the mistake that it is for, and lets the right form pass.
func TestAFieldInTheMiddleIsSeen(t *testing.T) {
	type grown struct {
		Connection
		Pod string
	}
	r := &grown{}
	released, _ := listFields(&r.Connection, r.Connection.visit)
	middle, _ := listFields(r, func(c codec) {
		r.Identity.visit(c)
		r.Socket.visit(c)
		r.Owner.visit(c)
		c.text(&r.Pod) // as if Owner had it
		r.Context.visit(c)
	})
	for i := range middle {
		middle[i] = strings.TrimPrefix(middle[i], "Connection.")
	}
	require.ErrorIs(t, checkPositions(middle, released), errShifted)
	require.ErrorIs(t, checkPositions(released[:10], released), errShifted, "a field that went")
	require.ErrorIs(t, checkPositions(append(released[:len(released):len(released)], "Pod"), released), errNotKept)
	require.NoError(t, checkPositions(released, released))
}
