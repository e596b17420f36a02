// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"net/netip"

	"tcpledger/internal/text"
)

// duration writes a median; nil is not known.
func duration(us *float64) string {
	if us == nil {
		return "?"
	}
	return text.Microseconds(*us)
}

// showRemote writes a range of IPv4 as IPv4.
func showRemote(p netip.Prefix) string {
	const mapped = 96
	switch {
	case p.IsSingleIP():
		return p.Addr().Unmap().String()
	case p.Addr().Is4In6() && p.Bits() >= mapped:
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped).String()
	}
	return p.String()
}
