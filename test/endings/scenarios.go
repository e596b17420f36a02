// SPDX-License-Identifier: Apache-2.0

package endings

// Scenarios lists the suite.
func Scenarios() []Scenario {
	return []Scenario{
		{"client closes v4", clientCloses(v4)},
		{"client closes v6", clientCloses(v6)},
		{"client closes v4-mapped", mapped},
		{"server closes", serverCloses},
		{"half close", halfClose},
		{"answer unread at the end", answerUnread},
		{"process exits", processExits},
		{"many bytes", manyBytes},
		{"dead descriptor held", heldDead},
		{"linger abort v4", lingerAbort(v4)},
		{"linger abort v6", lingerAbort(v6)},
		{"close with unread data", unreadData},
		{"process exits with unread data", exitUnread},
		{"disconnect", disconnects},
		{"data after close", dataAfterClose},
		{"data after close in FIN_WAIT2", dataInFinWait2},
		{"killed", killed},
		{"linger2 off", linger2Off},
		{"listener closes", listenerCloses},
		{"listener closes with a full queue", fullQueueCloses},
		{"refused v4", refused(v4)},
		{"refused v6", refused(v6)},
		{"refused by ICMP", refusedByICMP},
		{"unreachable", unreachable},
		{"connect timeout", connectTimeout},
		{"connect abandoned", connectAbandoned},
		{"no local port", noLocalPort},
		{"retransmit timeout", retransmitTimeout},
		{"keepalive timeout", keepaliveTimeout},
		{"zero window", zeroWindow},
		{"out of memory", outOfMemory},
		{"simultaneous close", simultaneous},
		{"port reused out of TIME_WAIT", portReused},
		{"descriptor passed", passed},
		{"plain client of an MPTCP listener", mptcpListener},
		{"server that never reads", silentServer},
		{"both ends in one process", selfConnection},
	}
}
