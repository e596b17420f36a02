// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"net/netip"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// reasonNames are the running kernel's names of reasons, "" if it has none. capture.Capture has them.
type reasonNames interface {
	ReasonName(reason uint32) string
	ResetReasonName(reason uint32) string
}

// translator turns a record of the kernel side into one of the wire. Numbers and bits are copied: both sides take them from
// one vocabulary. It allocates only for a name that is new to it.
type translator struct {
	reasons reasonNames
	comms   map[[16]byte]string
}

// maxComms bounds the names that are kept. When there are more, all are forgotten and made again.
const maxComms = 8192

func newTranslator(reasons reasonNames) *translator {
	return &translator{reasons: reasons, comms: map[[16]byte]string{}}
}

func (t *translator) connection(in *bpf.Connection, out *schema.Connection) {
	*out = schema.Connection{
		Identity: identity(&in.Head),
		Socket:   socket(&in.Tuple),
		Owner:    t.owner(&in.Owner),
		Context:  t.context(&in.Context),
		Evidence: t.evidence(in),
		Counters: counters(in),
		Role:     schema.Role(in.Role),
		Flavour:  schema.Flavour(in.Flavour),

		ErrorReported: int32(in.ErrorReported),
		DsackDups:     schema.Some(uint64(in.DsackDups)),
		Opener:        schema.Opener{PID: in.Opener.PID, How: schema.OwnerHow(in.Opener.How), Comm: t.comm(in.Opener.Comm)},
	}
	if in.OpenedAt != 0 {
		out.OpenedAt = schema.Some(in.OpenedAt)
	}
	out.ConnectUS = optional(in.ConnectUS)
}

func (t *translator) event(in *bpf.Event, out *schema.Event) {
	*out = schema.Event{
		Kind:      schema.Kind(in.Head.Kind),
		Identity:  identity(&in.Head),
		Socket:    socket(&in.Tuple),
		Owner:     t.owner(&in.Owner),
		Context:   t.context(&in.Context),
		Direction: schema.Direction(in.Direction),
		State:     schema.State(in.State),
		OldState:  schema.State(in.OldState),
		NewState:  schema.State(in.NewState),
		ReasonRaw: optional(in.Reason),
		Error:     int32(in.Error),
		TCPFlags:  in.TCPFlags,
		Length:    in.Length,
		Role:      schema.Role(in.Role),
	}
	packetNumbers(in, out)
	if !out.ReasonRaw.Known {
		return
	}
	switch in.Head.Kind {
	case bpf.KindDrop:
		out.Reason = t.reasons.ReasonName(in.Reason)
	case bpf.KindResetSent, bpf.KindResetReceived:
		out.Reason = t.reasons.ResetReasonName(in.Reason)
	case bpf.KindRetransmit:
		out.Reason = schema.WhyRetransmitted(in.Reason)
	}
}

// packetNumbers fills the packet's sequence numbers, if there is a packet and it says them.
func packetNumbers(in *bpf.Event, out *schema.Event) {
	if in.Flags&bpf.EventWithPacket == 0 || (in.PacketSeq == 0 && in.PacketAck == 0 && in.TCPFlags == 0) {
		return
	}
	out.PacketSeq = schema.Some(uint64(in.PacketSeq))
	if in.Head.Kind == bpf.KindDrop && in.TCPFlags&schema.TCPFlagACK != 0 {
		out.PacketAck = schema.Some(uint64(in.PacketAck))
	}
}

// lingering makes the event of a socket that the scan of kernel time at found past ESTABLISHED.
func (t *translator) lingering(in *bpf.ConnState, at uint64, out *schema.Event) {
	*out = schema.Event{
		Kind:     schema.KindLingering,
		Identity: schema.Identity{At: at},
		Socket:   socket(&in.Tuple),
		Owner:    t.owner(&in.Owner),
		State:    schema.State(in.State),
		Role:     schema.Role(in.Role),
		StateUS:  schema.Some((at - in.StateAt) / 1000),
	}
}

func (t *translator) evidence(in *bpf.Connection) schema.Evidence {
	e := schema.Evidence{
		LastState:     schema.State(in.OldState),
		Error:         int32(in.Error),
		ErrorSoft:     int32(in.ErrorSoft),
		Shutdown:      in.Shutdown,
		Flags:         schema.Flags(in.Evidence),
		FirstFin:      schema.Side(in.FirstWho),
		FirstFinFlags: schema.Flags(in.FirstEvidence),
		TimerRetries:  uint32(in.Retransmits),
		ProbesOut:     uint32(in.ProbesOut),
		SendWindow:    in.SndWnd,
	}
	if in.Evidence.Has(bpf.FlagResetSent) && in.ResetReason != bpf.Absent32 {
		e.ResetReason, e.ResetReasonRaw = t.reasons.ResetReasonName(in.ResetReason), schema.Some(uint64(in.ResetReason))
	}
	return e
}

func counters(in *bpf.Connection) schema.Counters {
	c := schema.Counters{
		BytesSentRaw:     in.BytesSent,
		BytesRetrans:     in.BytesRetrans,
		BytesReceivedRaw: in.BytesReceived,
		WriteSeq:         in.WriteSeq,
		SndNxt:           in.SndNxt,
		SndUna:           in.SndUna,
		RcvNxt:           in.RcvNxt,
		CopiedSeq:        in.CopiedSeq,
		SegsIn:           in.SegsIn,
		SegsOut:          in.SegsOut,
		Retransmits:      in.TotalRetrans,
	}
	if c.BytesReceived(in.Evidence.Has(bpf.FlagFinReceived)) > 0 { // the kernel counts from the handshake until there is data
		c.LastRxAgeMS = optional(in.LastRxAgeMS)
	}
	if c.BytesSentRaw > 0 {
		c.LastTxAgeMS = optional(in.LastTxAgeMS)
	}
	if in.SRTTUS != 0 { // the kernel never measures 0
		c.SRTTUS = schema.Some(uint64(in.SRTTUS))
	}
	return c
}

func identity(in *bpf.Head) schema.Identity {
	return schema.Identity{Stream: in.Stream, Seq: in.Seq, At: in.At, Weight: in.Weight}
}

func socket(in *bpf.Tuple) schema.Socket {
	s := schema.Socket{Conn: in.Conn, Cookie: in.Cookie, NetNS: in.NetNS, NetNSCookie: in.NetNSCookie,
		LocalPort: in.LocalPort, RemotePort: in.RemotePort}
	if in.Family != 0 {
		s.LocalIP, s.RemoteIP = netip.AddrFrom16(in.LocalIP).Unmap(), netip.AddrFrom16(in.RemoteIP).Unmap()
	}
	return s
}

func (t *translator) owner(in *bpf.Owner) schema.Owner {
	o := schema.Owner{PID: in.PID, UID: in.UID, Start: in.StartAt, How: schema.OwnerHow(in.How), Comm: t.comm(in.Comm),
		CgroupID: in.CgroupID, CgroupHow: schema.CgroupHow(in.CgroupHow)}
	if o.How == schema.OwnerUnknown || o.How == schema.OwnerListener {
		o.UID = bpf.Absent32 // 0 would be root
	}
	return o
}

func (t *translator) context(in *bpf.Context) schema.Context {
	return schema.Context{PID: in.PID, Comm: t.comm(in.Comm), Kind: schema.CtxKind(in.Kind)}
}

// comm is the text before the first zero; a process may have put anything there.
func (t *translator) comm(raw [16]byte) string {
	if raw[0] == 0 {
		return ""
	}
	if name, ok := t.comms[raw]; ok {
		return name
	}
	if len(t.comms) >= maxComms {
		clear(t.comms)
	}
	text, _, _ := bytes.Cut(raw[:], []byte{0})
	name := string(bytes.ToValidUTF8(text, []byte("?")))
	t.comms[raw] = name
	return name
}

func optional(v uint32) schema.Optional {
	if v == bpf.Absent32 {
		return schema.Optional{}
	}
	return schema.Some(uint64(v))
}
