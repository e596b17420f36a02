// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Filter chooses endings: From is inside the window, To is not. The rest narrows it where it is not zero.
type Filter struct {
	From   time.Time
	To     time.Time
	Host   string
	Cause  string
	Remote netip.Prefix // as ParseRemote gives it; IPv4 as IPv6-mapped, as the tables hold it
}

// mappedBits is the length of the prefix under which IPv6 holds all of IPv4.
const mappedBits = 96

// ParseRemote reads an address or a CIDR range; "" is any.
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

// timeLayout is how a DateTime64(6, 'UTC') parameter is written.
const timeLayout = "2006-01-02 15:04:05.000000"

func timeParameter(t time.Time) string { return t.UTC().Format(timeLayout) }

// textParameter writes a String parameter: the server reads it as it reads a field of a TSV file.
func textParameter(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(s)
}

// window gives the parameters of the window.
func (f Filter) window() map[string]string {
	return map[string]string{"from": timeParameter(f.From), "to": timeParameter(f.To)}
}

const windowOfEndings = "closed_at >= {from:DateTime64(6, 'UTC')} AND closed_at < {to:DateTime64(6, 'UTC')}"

// endings gives the condition on the table connections, with its parameters.
func (f Filter) endings() (string, map[string]string) {
	where, parameters := []string{windowOfEndings}, f.window()
	add := func(name, value, condition string) {
		where, parameters[name] = append(where, condition), value
	}
	if f.Host != "" {
		add("host", textParameter(f.Host), "host = {host:String}")
	}
	if f.Cause != "" {
		add("cause", textParameter(f.Cause), "cause = {cause:String}")
	}
	switch {
	case !f.Remote.IsValid():
	case f.Remote.IsSingleIP():
		add("remote", f.Remote.Addr().StringExpanded(), "remote_ip = {remote:IPv6}")
	default:
		parameters["remote_first"] = f.Remote.Addr().StringExpanded()
		add("remote_last", lastAddr(f.Remote).StringExpanded(), "remote_ip BETWEEN {remote_first:IPv6} AND {remote_last:IPv6}")
	}
	return strings.Join(where, "\n  AND "), parameters
}

// lastAddr is the highest address in p, whose address is masked and of 16 bytes.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom16(b)
}
