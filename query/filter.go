// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"net/netip"
	"strings"
)

// Filter narrows a question; a zero field narrows nothing. A question leaves out the fields that its table does not have: Cause
// narrows endings, Kind narrows events, and losses have a host only.
type Filter struct {
	Host   string
	Remote netip.Prefix // as ParseRemote gives it
	Cause  string
	Kind   string
}

// mappedBits is the length of the prefix under which IPv6 holds all of IPv4.
const mappedBits = 96

// ParseRemote reads an address or a CIDR range; "" is any. IPv4 comes back mapped into IPv6, as the tables hold it.
func ParseRemote(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a range like 10.1.0.0/16", s)
		}
		mapped := netip.AddrFrom16(ip.As16())
		return netip.PrefixFrom(mapped, mapped.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a range like 10.1.0.0/16", s)
	}
	p = p.Masked()
	if p.Addr().Is4() {
		return netip.PrefixFrom(netip.AddrFrom16(p.Addr().As16()), mappedBits+p.Bits()), nil
	}
	return p, nil
}

// ShowRemote writes a prefix of ParseRemote for a person: IPv4 as IPv4, a single address without its length.
func ShowRemote(p netip.Prefix) string {
	switch {
	case p.IsSingleIP():
		return p.Addr().Unmap().String()
	case p.Addr().Is4In6() && p.Bits() >= mappedBits:
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits).String()
	}
	return p.String()
}

// textParameter writes a String parameter: the server reads it as a field of a TSV file.
func textParameter(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(s)
}

// condition is what follows WHERE, with the values of its parameters.
type condition struct {
	parts      []string
	parameters map[string]string
	columns    []string // that the condition needs beside the time
}

// within begins a condition: the time column is in the window.
func within(column string, w Window) *condition {
	return &condition{parts: []string{contains(column)}, parameters: w.parameters()}
}

func (c *condition) add(part, parameter, value string) {
	c.parts, c.parameters[parameter] = append(c.parts, part), value
}

// text adds column = value unless value is empty. The parameter has the column's name.
func (c *condition) text(column, value string) *condition {
	if value != "" {
		c.add(column+" = {"+column+":String}", column, textParameter(value))
		c.columns = append(c.columns, column)
	}
	return c
}

// remote adds that remote_ip is in p unless p is the zero prefix.
func (c *condition) remote(p netip.Prefix) *condition {
	if !p.IsValid() {
		return c
	}
	c.columns = append(c.columns, "remote_ip")
	switch {
	case p.IsSingleIP():
		c.add("remote_ip = {remote:IPv6}", "remote", p.Addr().StringExpanded())
	default:
		c.parameters["remote_first"] = p.Addr().StringExpanded()
		c.add("remote_ip BETWEEN {remote_first:IPv6} AND {remote_last:IPv6}", "remote_last", lastAddr(p).StringExpanded())
	}
	return c
}

// String is the condition as it follows WHERE.
func (c *condition) String() string { return strings.Join(c.parts, "\n  AND ") }

// endings is the condition on the table connections.
func (f Filter) endings(w Window) *condition {
	return within("closed_at", w).text("host", f.Host).text("cause", f.Cause).remote(f.Remote)
}

// events is the condition on the table events.
func (f Filter) events(w Window) *condition {
	return within("at", w).text("host", f.Host).text("kind", f.Kind).remote(f.Remote)
}

// lastAddr is the highest address in p, whose address is masked and has 16 bytes.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom16(b)
}

// PlainIP writes an address of the tables for a person: IPv4 as IPv4. Text that is no address stays as it is.
func PlainIP(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return s
	}
	return ip.Unmap().String()
}
