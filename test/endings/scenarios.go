// SPDX-License-Identifier: Apache-2.0

package endings

import (
	"syscall"

	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

// Scenarios lists the suite.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "client closes v4", Run: clientCloses(v4)},
		{Name: "client closes v6", Run: clientCloses(v6)},
		{Name: "client closes v4-mapped", Run: mapped},
		{Name: "server closes", Run: serverCloses},
		{Name: "half close", Run: halfClose},
		{Name: "answer unread at the end", Run: answerUnread},
		{Name: "process exits", Run: processExits},
		{Name: "many bytes", Run: manyBytes},
		{Name: "dead descriptor held", Run: heldDead, Held: true},
		{Name: "linger abort v4", Run: lingerAbort(v4)},
		{Name: "linger abort v6", Run: lingerAbort(v6)},
		{Name: "close with unread data", Run: unreadData},
		{Name: "process exits with unread data", Run: exitUnread},
		{Name: "disconnect", Run: disconnects},
		{Name: "data after close", Run: dataAfterClose},
		{Name: "data after close in FIN_WAIT2", Run: dataInFinWait2},
		{Name: "killed", Run: killed},
		{Name: "linger2 off", Run: linger2Off},
		{Name: "listener closes", Run: listenerCloses},
		{Name: "listener closes with a full queue", Run: fullQueueCloses},
		{Name: "queue of a listener overflows v4", Run: overflows(v4)},
		{Name: "queue of a listener overflows v6", Run: overflows(v6)},
		{Name: "refused v4", Run: refused(v4)},
		{Name: "refused v6", Run: refused(v6)},
		{Name: "refused by ICMP", Run: refusedByICMP},
		{Name: "unreachable", Run: unreachable},
		{Name: "own firewall: port unreachable v4", Run: firewallRefuses(v4, "icmp type port-unreachable", syscall.ECONNREFUSED,
			schema.CauseRefused, schema.InitiatorPeer)},
		{Name: "own firewall: port unreachable v6", Run: firewallRefuses(v6, "icmpv6 type port-unreachable", syscall.ECONNREFUSED,
			schema.CauseRefused, schema.InitiatorPeer)},
		{Name: "own firewall: host unreachable v4", Run: firewallRefuses(v4, "icmp type host-unreachable", syscall.EHOSTUNREACH,
			schema.CauseUnreachable, schema.InitiatorKernel)},
		{Name: "own firewall: admin prohibited v4", Run: firewallRefuses(v4, "icmp type admin-prohibited", syscall.EHOSTUNREACH,
			schema.CauseUnreachable, schema.InitiatorKernel)},
		{Name: "own firewall: admin prohibited v6", Run: firewallRefuses(v6, "icmpv6 type admin-prohibited", syscall.EACCES,
			schema.CauseUnreachable, schema.InitiatorKernel)},
		{Name: "own firewall: closed without asking", Run: firewallUnasked},
		{Name: "own firewall: error queue emptied", Run: firewallErrorQueue},
		{Name: "old error, closed in order v4", Run: oldError(v4, unix.IPPROTO_IP, unix.IP_RECVERR, "icmp type host-unreachable")},
		{Name: "old error, closed in order v6", Run: oldError(v6, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, "icmpv6 type addr-unreachable")},
		{Name: "old error, aborted", Run: oldErrorAborted},
		{Name: "bound port taken v4", Run: boundPortTaken(v4)},
		{Name: "bound port taken v6", Run: boundPortTaken(v6)},
		{Name: "TCP Fast Open without an answer v4", Run: fastOpenUnanswered(v4)},
		{Name: "TCP Fast Open without an answer v6", Run: fastOpenUnanswered(v6)},
		{Name: "restored by TCP_REPAIR v4", Run: restored(v4)},
		{Name: "restored by TCP_REPAIR v6", Run: restored(v6)},
		{Name: "process killed, io_uring holds the socket", Run: ringKilled},
		{Name: "connect timeout", Run: connectTimeout},
		{Name: "connect abandoned", Run: connectAbandoned},
		{Name: "no local port", Run: noLocalPort},
		{Name: "retransmit timeout", Run: retransmitTimeout},
		{Name: "keepalive timeout", Run: keepaliveTimeout},
		{Name: "zero window", Run: zeroWindow},
		{Name: "out of memory", Run: outOfMemory},
		{Name: "simultaneous close", Run: simultaneous},
		{Name: "port reused out of TIME_WAIT", Run: portReused},
		{Name: "descriptor passed", Run: passed},
		{Name: "plain client of an MPTCP listener", Run: mptcpListener},
		{Name: "server that never reads", Run: silentServer},
		{Name: "both ends in one process", Run: selfConnection},
	}
}
