// SPDX-License-Identifier: Apache-2.0

package schema

// The layouts: the fields of each record in wire order, after the row's first element, its kind.
//
// The visits of Identity, Socket, Owner, Context, Evidence and Counters never change: their fields are in the middle of a row. A new field of one of them is visited by a line at the end of Connection.visit and of Event.visit,
// behind the fields of earlier releases. testdata/positions.v1.* holds every position that was released, by name.

func (i *Identity) visit(c codec) {
	c.u32(&i.Stream)
	c.u64(&i.Seq)
	c.u64(&i.At)
	c.u32(&i.Weight)
}

func (s *Socket) visit(c codec) {
	c.u64(&s.Conn)
	c.u64(&s.Cookie)
	c.u32(&s.NetNS)
	c.u64(&s.NetNSCookie)
	c.addr(&s.LocalIP)
	c.u16(&s.LocalPort)
	c.addr(&s.RemoteIP)
	c.u16(&s.RemotePort)
}

func (o *Owner) visit(c codec) {
	c.u32(&o.PID)
	c.u32(&o.UID)
	c.u64(&o.Start)
	c.u8((*uint8)(&o.How))
	c.text(&o.Comm)
	c.text(&o.Exe)
	c.u64(&o.CgroupID)
	c.u8((*uint8)(&o.CgroupHow))
	c.text(&o.Container)
	c.text(&o.Service)
}

func (o *Opener) visit(c codec) {
	c.u32(&o.PID)
	c.u8((*uint8)(&o.How))
	c.text(&o.Comm)
	c.text(&o.Exe)
}

func (x *Context) visit(c codec) {
	c.u32(&x.PID)
	c.text(&x.Comm)
	c.u8((*uint8)(&x.Kind))
}

func (e *Evidence) visit(c codec) {
	c.u8((*uint8)(&e.LastState))
	c.i32(&e.Error)
	c.i32(&e.ErrorSoft)
	c.u8(&e.Shutdown)
	c.u32((*uint32)(&e.Flags))
	c.u8((*uint8)(&e.FirstFin))
	c.u32((*uint32)(&e.FirstFinFlags))
	c.text(&e.ResetReason)
	c.opt(&e.ResetReasonRaw)
	c.u32(&e.TimerRetries)
	c.u32(&e.ProbesOut)
	c.u32(&e.SendWindow)
}

func (c *Counters) visit(v codec) {
	v.u64(&c.BytesSentRaw)
	v.u64(&c.BytesRetrans)
	v.u64(&c.BytesReceivedRaw)
	v.u32(&c.WriteSeq)
	v.u32(&c.SndNxt)
	v.u32(&c.SndUna)
	v.u32(&c.RcvNxt)
	v.u32(&c.CopiedSeq)
	v.u32(&c.SegsIn)
	v.u32(&c.SegsOut)
	v.u32(&c.Retransmits)
	v.opt(&c.SRTTUS)
	v.opt(&c.LastRxAgeMS)
	v.opt(&c.LastTxAgeMS)
}

func (r *Connection) visit(c codec) {
	r.Identity.visit(c)
	r.Socket.visit(c)
	r.Owner.visit(c)
	r.Context.visit(c)
	r.Evidence.visit(c)
	r.Counters.visit(c)
	c.u8((*uint8)(&r.Role))
	c.u8((*uint8)(&r.Flavour))
	c.opt(&r.OpenedAt)
	c.opt(&r.ConnectUS)
	c.u64(&r.StackID)
	c.u64(&r.UserStackID)
	c.i32(&r.ErrorReported)
	c.text(&r.Owner.PodUID)
	r.Opener.visit(c)
	c.opt(&r.DsackDups)
	r.NAT.visit(c)
	c.text(&r.Owner.PodNamespace)
	c.text(&r.Owner.PodName)
	// New fields of a connection and of the structs in it come here, at the end.
}

func (t *Translation) visit(c codec) {
	c.addr(&t.LocalIP)
	c.u16(&t.LocalPort)
	c.addr(&t.RemoteIP)
	c.u16(&t.RemotePort)
}

func (e *Event) visit(c codec) {
	e.Identity.visit(c)
	e.Socket.visit(c)
	e.Owner.visit(c)
	e.Context.visit(c)
	c.u8((*uint8)(&e.Direction))
	c.u8((*uint8)(&e.State))
	c.u8((*uint8)(&e.OldState))
	c.u8((*uint8)(&e.NewState))
	c.text(&e.Reason)
	c.opt(&e.ReasonRaw)
	c.i32(&e.Error)
	c.u8(&e.TCPFlags)
	c.u32(&e.Length)
	c.u64(&e.StackID)
	c.opt(&e.StateUS)
	c.u8((*uint8)(&e.Role))
	c.text(&e.Owner.PodUID)
	c.u64(&e.TurnedAway)
	c.u64(&e.Aborted)
	c.u8(&e.SynCookies)
	c.u32(&e.Queued)
	c.u32(&e.Backlog)
	c.u32(&e.HalfOpen)
	c.opt(&e.PacketSeq)
	c.opt(&e.PacketAck)
	c.u64(&e.HalfOpenExpired)
	c.u64(&e.HalfOpenReset)
	c.opt(&e.CookiesSent)
	c.text(&e.Owner.PodNamespace)
	c.text(&e.Owner.PodName)
	// New fields of an event and of the structs in it come here, at the end.
}

func (l *Loss) visit(c codec) {
	c.u32(&l.Stream)
	c.u64(&l.SeqFrom)
	c.u64(&l.At)
	c.u64(&l.SeqTo)
	c.text(&l.Cause)
}

func (p *Checkpoint) visit(c codec) {
	c.u64(&p.At)
	c.text(&p.Phase)
	c.u32s(&p.Streams, MaxStreams)
	c.u64s(&p.Next, MaxStreams)
	c.texts(&p.Names, MaxTotals)
	c.u64s(&p.Totals, MaxTotals)
}

// The number of fields this version writes, the kind included.
var (
	connectionFields = 1 + countFields((&Connection{}).visit)
	eventFields      = 1 + countFields((&Event{}).visit)
	lossFields       = 1 + countFields((&Loss{}).visit)
	checkpointFields = 1 + countFields((&Checkpoint{}).visit)
)
