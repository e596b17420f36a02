// SPDX-License-Identifier: Apache-2.0

package schema

import "fmt"

// connectionEnds and eventEnds are SQL arrays of a row's ends, a number for each address with its port: as its host sees them, then as the
// other side does.
const (
	ownEnds        = "cityHash64(local_ip, local_port), cityHash64(remote_ip, remote_port)"
	seenEnds       = "cityHash64(ifNull(nat_local_ip, local_ip), ifNull(nat_local_port, local_port)), cityHash64(ifNull(nat_remote_ip, remote_ip), ifNull(nat_remote_port, remote_port))"
	connectionEnds = "[" + ownEnds + ", " + seenEnds + "]"
	eventEnds      = "[" + ownEnds + "]"
)

const remoteIndex = "remote_ip_bloom remote_ip TYPE bloom_filter GRANULARITY 1"

// endsIndex is the index of a row's ends. An address alone is in every granule, an address with its port in a few.
func endsIndex(ends string) string { return "ends " + ends + " TYPE bloom_filter GRANULARITY 1" }

// EndOfConnection is the SQL condition that a row of connections has an end, as its host sees it or as the other side does. ip is an
// expression of an IPv6, port of a UInt16. The index answers the first part, the others make it exact.
func EndOfConnection(ip, port string) string {
	return fmt.Sprintf("(%s AND (%s OR %s))", among(connectionEnds, ip, port), either("", ip, port), either("nat_", ip, port))
}

// EndOfEvent is the same of a row of events, which knows no translation.
func EndOfEvent(ip, port string) string {
	return fmt.Sprintf("(%s AND (%s))", among(eventEnds, ip, port), either("", ip, port))
}

func among(ends, ip, port string) string {
	return fmt.Sprintf("has(%s, cityHash64(%s, %s))", ends, ip, port)
}

func either(prefix, ip, port string) string {
	return fmt.Sprintf("%[1]sremote_ip = %[2]s AND %[1]sremote_port = %[3]s OR %[1]slocal_ip = %[2]s AND %[1]slocal_port = %[3]s", prefix, ip, port)
}
