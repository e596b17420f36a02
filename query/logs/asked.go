// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"net/netip"
	"regexp"
	"strings"
)

// What a text that is asked about can be.
const (
	AboutEnds  = "ends"  // one or both ends of a connection
	AboutTrace = "trace" // a trace id
	AboutText  = "text"  // an order id, a line, anything else that a line may hold
)

// Asked is what a text asks about.
type Asked struct {
	About string
	Text  string
	Trace string
	A, B  netip.AddrPort // B is the zero value if one end only is named
}

var (
	traceID     = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	traceParent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)
	// endForms are the spellings of an end: [::1]:80, 10.0.0.1:80, ::1.80 and 10.0.0.1.80 of tcpdump, and 10.0.0.1 80 of tables.
	endForms = regexp.MustCompile(`\[([0-9a-fA-F:.]+(?:%\w+)?)\]:(\d{1,5})\b|((?:\d{1,3}\.){3}\d{1,3})[:. ](\d{1,5})\b|([0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:[0-9.]*\.\d{1,3})?)[. ](\d{1,5})\b`)
	// flow is conntrack's spelling.
	flow = regexp.MustCompile(`src=(\S+) dst=(\S+) sport=(\d{1,5}) dport=(\d{1,5})`)
	// around is what may stand around ends in a tuple that is no line: arrows, separators, protocols, names of fields and of states.
	around = regexp.MustCompile(`(?i)^(?:[\s,;:|/<>=()\-–—→←↔]|\b(?:tcp[46]?|ipv?[46]?|estab(?:lished)?|from|to|and|src|dst|local|remote|peer|client|server|source|destination|via|\d{1,7})\b:?)*$`)
)

// Parse says what a text asks about. Ends count if there is nothing else in the text; a line that has some is looked for as a line.
func Parse(text string) Asked {
	text = strings.TrimSpace(text)
	if m := traceParent.FindStringSubmatch(text); m != nil {
		return Asked{About: AboutTrace, Text: text, Trace: m[1]}
	}
	if traceID.MatchString(text) {
		return Asked{About: AboutTrace, Text: text, Trace: strings.ToLower(text)}
	}
	if m := flow.FindStringSubmatch(text); m != nil {
		if a, b := end(m[1], m[3]), end(m[2], m[4]); a.IsValid() && b.IsValid() {
			return Asked{About: AboutEnds, Text: text, A: a, B: b}
		}
	}
	found, rest := endsIn(text)
	if (len(found) == 1 || len(found) == 2) && around.MatchString(rest) {
		asked := Asked{About: AboutEnds, Text: text, A: found[0]}
		if len(found) > 1 {
			asked.B = found[1]
		}
		return asked
	}
	return Asked{About: AboutText, Text: text}
}

// endsIn lists the ends that a text spells, and the text without them.
func endsIn(text string) (found []netip.AddrPort, rest string) {
	var kept strings.Builder
	at := 0
	for _, m := range endForms.FindAllStringSubmatchIndex(text, -1) {
		for group := 2; group < len(m); group += 4 {
			if m[group] < 0 {
				continue
			}
			if e := end(text[m[group]:m[group+1]], text[m[group+2]:m[group+3]]); e.IsValid() {
				found = append(found, e)
				kept.WriteString(text[at:m[0]] + " ")
				at = m[1]
			}
		}
	}
	return found, kept.String() + text[at:]
}

// end is the zero value if the address or the port is none.
func end(address, port string) netip.AddrPort {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.AddrPort{}
	}
	e, err := netip.ParseAddrPort("[" + netip.AddrFrom16(ip.WithZone("").As16()).String() + "]:" + port)
	if err != nil || e.Port() == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap().WithZone(""), e.Port())
}
