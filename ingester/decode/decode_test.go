// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// A message that cannot be read is a fault with what its header says; the decoder goes on with the next.
func TestFaultsDoNotStick(t *testing.T) {
	e := schema.NewBatchEncoder()
	e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 3, Seq: 7}})
	message, ranges, err := e.Finish(&schema.Header{Host: "h", BootID: "b", Session: 5})
	require.NoError(t, err)
	d := New()
	for range 2 {
		var fault row.Fault
		b := d.Events(message[:len(message)-1], &fault)
		require.Equal(t, []row.FaultKind{row.FaultMalformed}, fault.Kinds())
		require.Equal(t, ranges, fault.Ranges)
		require.Equal(t, "h", b.Host)
		require.Empty(t, b.Events)

		fault.Reset()
		require.Len(t, d.Events(message, &fault).Events, 1)
		require.False(t, fault.Any())
	}
}

func TestMetaAndSymbols(t *testing.T) {
	meta, err := schema.EncodeMeta(&schema.Meta{Host: "h"})
	require.NoError(t, err)
	pieces, err := schema.EncodeSymbols("build", "kernel", []schema.Symbol{{Offset: 1, Name: "f"}})
	require.NoError(t, err)
	d, fault := New(), row.Fault{}
	require.Equal(t, "h", d.Meta(meta, &fault).Host)
	require.Equal(t, "build", d.Symbols(pieces[0], &fault).BuildID)
	require.False(t, fault.Any())
	require.Nil(t, d.Meta(pieces[0][:3], &fault))
	require.Nil(t, d.Symbols(meta, &fault))
	require.Equal(t, []row.FaultKind{row.FaultMalformed}, fault.Kinds())
}
