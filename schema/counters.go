// SPDX-License-Identifier: Apache-2.0

package schema

// Counters are tcp_sock's own numbers as they stood at `-> CLOSE`. They are not payload counters: the methods make those
// (include/linux/tcp.h; the FIN and retransmission rules were read off running kernels). Ages are milliseconds.
type Counters struct {
	BytesSentRaw     uint64 // payload handed to IP, retransmitted payload again
	BytesRetrans     uint64 // retransmitted payload
	BytesReceivedRaw uint64 // a received FIN counts as one byte
	WriteSeq         uint32
	SndNxt           uint32
	SndUna           uint32
	RcvNxt           uint32
	CopiedSeq        uint32
	SegsIn           uint32
	SegsOut          uint32
	Retransmits      uint32
	SRTTUS           Optional
	LastRxAgeMS      Optional
	LastTxAgeMS      Optional
}

// BytesSent is the payload sent, each byte once.
func (c *Counters) BytesSent() uint64 { return minus(c.BytesSentRaw, c.BytesRetrans) }

// BytesReceived is the payload received, each byte once.
func (c *Counters) BytesReceived(finReceived bool) uint64 {
	return minus(c.BytesReceivedRaw, fin(finReceived))
}

// BytesUnread is the payload received that no application read. A received FIN stays in the difference until it is read.
func (c *Counters) BytesUnread(finReceived bool) uint32 {
	return uint32(minus(uint64(sequenceDistance(c.RcvNxt, c.CopiedSeq)), fin(finReceived)))
}

// BytesUnsent is what the application wrote and TCP never sent.
func (c *Counters) BytesUnsent() uint32 { return sequenceDistance(c.WriteSeq, c.SndNxt) }

// BytesUnacked is what was sent and never acknowledged (a SYN or FIN in flight counts as one).
func (c *Counters) BytesUnacked() uint32 { return sequenceDistance(c.SndNxt, c.SndUna) }

// sequenceDistance is a - b in sequence space, 0 if b is ahead of a.
func sequenceDistance(a, b uint32) uint32 {
	if d := int32(a - b); d > 0 {
		return uint32(d)
	}
	return 0
}

func minus(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

func fin(received bool) uint64 {
	if received {
		return 1
	}
	return 0
}
