// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// A malformed message is rejected with the ranges of its header; the decoder goes on with the next message.
func TestDecoderGoesOnAfterAReject(t *testing.T) {
	e := schema.NewBatchEncoder()
	e.AddEvent(&schema.Event{Kind: schema.KindDrop, Identity: schema.Identity{Stream: 3, Seq: 7}})
	message, ranges, err := e.Finish(&schema.Header{Host: "h", BootID: "b", Session: 5})
	require.NoError(t, err)
	d := batchDecoder{decoder: schema.NewBatchDecoder()}
	for range 2 {
		var reject row.Reject
		b := d.decode(message[:len(message)-1], &reject)
		require.Equal(t, []row.RejectKind{row.RejectMalformed}, reject.Kinds())
		require.Equal(t, ranges, reject.Ranges)
		require.Equal(t, "h", b.Host)
		require.Empty(t, b.Events)

		reject.Reset()
		require.Len(t, d.decode(message, &reject).Events, 1)
		require.False(t, reject.Any())
	}
}

func TestDecodeMetaAndSymbols(t *testing.T) {
	meta, err := schema.EncodeMeta(&schema.Meta{Host: "h"})
	require.NoError(t, err)
	pieces, err := schema.EncodeSymbols("build", "kernel", []schema.Symbol{{Offset: 1, Name: "f"}})
	require.NoError(t, err)
	var reject row.Reject
	require.Equal(t, "h", decode(meta, schema.DecodeMeta, &reject).Host)
	require.Equal(t, "build", decode(pieces[0], schema.DecodeSymbols, &reject).BuildID)
	require.False(t, reject.Any())
	require.Nil(t, decode(pieces[0][:3], schema.DecodeMeta, &reject))
	require.Nil(t, decode(meta, schema.DecodeSymbols, &reject))
	require.Equal(t, []row.RejectKind{row.RejectMalformed}, reject.Kinds())
}
