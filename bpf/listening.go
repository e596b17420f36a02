// SPDX-License-Identifier: Apache-2.0

package bpf

import "structs"

// Listening is what the kernel has counted for one listener.
type Listening struct {
	_             structs.HostLayout
	Tuple         Tuple  // no remote end
	Owner         Owner  // who called listen(), or held the socket at the agent's start
	Socket        uint64 // names the listener, with Since
	Since         uint64
	Discarded     uint64 // packets in Drops that were no attempt to connect
	Aborted       uint64 // resets for tcp_abort_on_overflow
	Expired       uint64 // handshakes that ended without their last packet
	Reset         uint64 // handshakes that the client ended by a reset
	DropsBefore   uint32 // sk_drops at Since
	CookiesBefore uint32 // CookiesAt at Since
	Drops         uint32 // sk_drops
	CookiesAt     uint32 // the kernel's tick at which it last sent a SYN cookie
	Queued        uint32
	Backlog       uint32
	HalfOpen      uint32
	Inside        uint32 // a process in the listener's network namespace, when it was sampled; 0 if none is known
	Closed        uint8
	_             [7]byte
}

// TurnedAway counts the attempts to connect that the listener turned away since Since: ListenDrops of this listener. Before Linux
// 6.11 the last packet of a handshake that meets a full queue counts twice.
func (l *Listening) TurnedAway() uint64 {
	drops := uint64(l.Drops - l.DropsBefore)
	return drops - min(drops, l.Discarded)
}

// ListenerSample is Listening under its key in the map of listeners.
type ListenerSample struct {
	_         structs.HostLayout
	Key       uint64
	Listening Listening
}
