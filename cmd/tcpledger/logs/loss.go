// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tcpledger/internal/text"
	"tcpledger/query"
	lines "tcpledger/query/logs"
	"tcpledger/schema"
)

// whys say why packets were sent again, after their number.
var whys = map[string]string{
	schema.RetransmitTimeout:       "after a timeout",
	schema.RetransmitLossRecovery:  "in recovery from a loss",
	schema.RetransmitFast:          "as acknowledgements showed a loss",
	schema.RetransmitTailLossProbe: "as tail loss probes",
	"":                             "for a reason that the kernel does not tell",
}

// maxFunctions is as many functions of a drop's code path as a sentence has room for.
const maxFunctions = 3

// losses says what both ends sent again, and which drops explain it.
func (t *tale) losses(c *lines.Thread) {
	if c.Resent.Failed != "" {
		t.say("What was sent again is not told: %s.\n", text.Line(c.Resent.Failed, maxBody*2))
		return
	}
	t.resent(&c.Row, c.Resent.Row)
	if c.Other != nil {
		t.resent(c.Other, c.Resent.Other)
	}
}

// resent says it of one end.
func (t *tale) resent(r *lines.Row, found []query.Makeup) {
	host := text.Line(r.Host, maxName)
	if r.Retransmits == 0 {
		return
	}
	when := ""
	if !r.Whole() {
		when = " in its last " + text.Duration(query.ResentBefore)
	}
	if len(found) == 0 {
		t.say("Of the %s of %s no event is recorded%s.\n", count(int(r.Retransmits), "retransmission"), host, when)
		return
	}
	var packets, records uint64
	for i := range found {
		packets, records = packets+found[i].Packets, records+max(found[i].Records, found[i].Packets)
	}
	t.say("%s sent %s again%s: %s. %s.", host, count(int(packets), "packet"), when, because(found), capital(madeUp(found)))
	if records > packets {
		t.say(" A budget left out %s more.", text.Count(records-packets))
	}
	t.say("\n")
}

// because counts packets by why they were sent again, the most frequent first.
func because(found []query.Makeup) string {
	packets := map[string]uint64{}
	for i := range found {
		why := whys[found[i].Why]
		if why == "" {
			why = "for " + text.Line(found[i].Why, maxName)
		}
		packets[why] += found[i].Packets
	}
	var parts []string
	for _, why := range slices.SortedFunc(maps.Keys(packets), func(x, y string) int {
		return cmp.Or(cmp.Compare(packets[y], packets[x]), strings.Compare(x, y))
	}) {
		parts = append(parts, text.Count(packets[why])+" "+why)
	}
	return strings.Join(parts, ", ")
}

// madeUp says which drops they make up for, in the order of found.
func madeUp(found []query.Makeup) string {
	packets, order := map[string]uint64{}, []string{}
	for i := range found {
		form := explanation(&found[i])
		if packets[form] == 0 {
			order = append(order, form)
		}
		packets[form] += found[i].Packets
	}
	for i, form := range order {
		order[i] = strings.Replace(form, "#", text.Count(packets[form]), 1)
	}
	return strings.Join(order, "; ")
}

// explanation is what explains packets, with # in place of their number.
func explanation(m *query.Makeup) string {
	switch {
	case m.Host != "" && strings.HasPrefix(m.Explained, "its acknowledgement"):
		return "for # the acknowledgement was dropped on " + drop(m)
	case m.Host != "":
		return "# made up for drops on " + drop(m)
	case strings.HasPrefix(m.Explained, "not known"):
		return "of # it is not known: the agent is older"
	}
	return "for # no drop was seen"
}

// drop says where packets were dropped: host, reason, way and code path.
func drop(m *query.Makeup) string {
	parts := []string{text.Line(m.Reason, maxName)}
	if way := map[string]string{"in": "coming in", "out": "going out"}[m.Direction]; way != "" {
		parts = append(parts, way)
	}
	if path := slices.DeleteFunc(schema.Path(m.Symbols), frees); len(path) > 0 {
		parts = append(parts, "in "+text.Line(strings.Join(path[:min(len(path), maxFunctions)], " < "), maxBody))
	}
	return fmt.Sprintf("%s (%s)", text.Line(m.Host, maxName), strings.Join(parts, ", "))
}

// frees reports whether a function only frees a packet: each drop has some of them.
func frees(function string) bool {
	return strings.Contains(function, "kfree_skb") || strings.Contains(function, "skb_reason_drop")
}
