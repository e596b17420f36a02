// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPayloadCounters(t *testing.T) {
	c := Counters{BytesSentRaw: 300, BytesRetrans: 100, BytesReceivedRaw: 51, WriteSeq: 500, SndNxt: 450, SndUna: 400, RcvNxt: 61, CopiedSeq: 40}
	require.Equal(t, uint64(200), c.BytesSent(), "a retransmitted byte counts once")
	require.Equal(t, uint64(50), c.BytesReceived(true), "a FIN is no payload")
	require.Equal(t, uint64(51), c.BytesReceived(false))
	require.Equal(t, uint32(20), c.BytesUnread(true))
	require.Equal(t, uint32(50), c.BytesUnsent())
	require.Equal(t, uint32(50), c.BytesUnacked())
}

func TestCountersNeverUnderflow(t *testing.T) {
	c := Counters{BytesRetrans: 1, SndNxt: 5, SndUna: 9}
	require.Zero(t, c.BytesSent())
	require.Zero(t, c.BytesReceived(true))
	require.Zero(t, c.BytesUnread(true))
	require.Zero(t, c.BytesUnacked())
	wrapped := Counters{SndNxt: 10, SndUna: 0xfffffff0}
	require.Equal(t, uint32(26), wrapped.BytesUnacked(), "sequence numbers wrap")
}
