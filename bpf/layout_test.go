// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

// TestLayout compares each Go record with the C struct of the object, field by field.
func TestLayout(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	for name, record := range map[string]any{
		"head": Head{}, "tuple": Tuple{}, "owner": Owner{}, "context": Context{},
		"connection": Connection{}, "event": Event{}, "stack": Stack{}, "conn_state": ConnState{}, "listener": Listener{}, "listening": Listening{}, "name_key": NameKey{}, "names": Names{}, "frames": struct{ Frames Frames }{},
	} {
		t.Run(name, func(t *testing.T) {
			var c *btf.Struct
			require.NoError(t, spec.Types.TypeByName(name, &c))
			compare(t, c, reflect.TypeOf(record))
		})
	}
}

func compare(t *testing.T, c *btf.Struct, g reflect.Type) {
	t.Helper()
	require.EqualValues(t, c.Size, g.Size(), "size")
	var fields []reflect.StructField
	for i := range g.NumField() {
		if field := g.Field(i); field.Type.Size() > 0 {
			fields = append(fields, field)
		}
	}
	require.Len(t, fields, len(c.Members))
	for i, member := range c.Members {
		size, err := btf.Sizeof(member.Type)
		require.NoError(t, err)
		require.EqualValues(t, member.Offset.Bytes(), fields[i].Offset, "offset of %s", member.Name)
		require.EqualValues(t, size, fields[i].Type.Size(), "size of %s", member.Name)
		if fields[i].Name != "_" {
			require.Equal(t, plain(member.Name), plain(fields[i].Name))
		} else {
			require.Equal(t, "pad", member.Name)
		}
	}
}

func plain(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// TestVocabulary compares every name of the vocabulary with the object: it was compiled from this header.
func TestVocabulary(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	var enum *btf.Enum
	require.NoError(t, spec.Types.TypeByName("total", &enum))
	numbers := map[string]uint64{}
	for _, value := range enum.Values {
		numbers[value.Name] = value.Value
	}
	require.EqualValues(t, totalSlots, numbers["TOTALS"])
	require.EqualValues(t, totalSlots, spec.Maps["totals"].MaxEntries)
	require.EqualValues(t, KindSlots, spec.Maps["budgets"].MaxEntries)
	require.EqualValues(t, Levels, spec.Maps["streams"].MaxEntries)
	names := TotalNames()
	for name, number := range numbers {
		switch name {
		case "TOTALS":
		case "TOTAL_LOST", "TOTAL_OVER_BUDGET", "TOTAL_OWN":
			require.Contains(t, names, Total(number)+Total(KindConnection))
		default:
			require.Equal(t, strings.ToLower(strings.TrimPrefix(name, "TOTAL_")), names[Total(number)])
		}
	}
}
