// SPDX-License-Identifier: Apache-2.0

package endings

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
		{Name: "refused v4", Run: refused(v4)},
		{Name: "refused v6", Run: refused(v6)},
		{Name: "refused by ICMP", Run: refusedByICMP},
		{Name: "unreachable", Run: unreachable},
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
