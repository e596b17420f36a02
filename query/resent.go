// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"time"
)

// Resent is the packets that the kernel sent again for one reason, by what explains them: a drop on the host that sent them, one on another
// host of the ledger, one of the acknowledgement on either, or nothing that the ledger saw. Why is empty if the kernel's state did not
// tell; a SYN-ACK has a timer only. NotKnown counts those of older agents. Records counts what a budget skipped too.
type Resent struct {
	Kind      string `ch:"kind" json:"kind"`
	Why       string `ch:"why" json:"why"`
	Packets   uint64 `ch:"packets" json:"packets"`
	Records   uint64 `ch:"records" json:"records"`
	Here      uint64 `ch:"here" json:"dropped_on_this_host"`
	Elsewhere uint64 `ch:"elsewhere" json:"dropped_on_another_host"`
	Acks      uint64 `ch:"acks" json:"acknowledgement_dropped"`
	NoDrop    uint64 `ch:"no_drop" json:"no_drop_seen"`
	NotKnown  uint64 `ch:"not_known" json:"not_known"`
}

// Dropper is the drops of one reason on one host that packets were sent again for: of the packets themselves, or Acks, of their
// acknowledgements. Here counts the packets that this same host sent. Each counts the packets sent again, not the drops.
type Dropper struct {
	Host        string `ch:"host" json:"host"`
	Reason      string `ch:"reason" json:"reason"`
	Direction   string `ch:"direction" json:"direction"`
	Packets     uint64 `ch:"packets" json:"packets"`
	Here        uint64 `ch:"sent_here" json:"sent_by_this_host"`
	Acks        uint64 `ch:"acks" json:"acknowledgement_dropped"`
	Connections uint64 `ch:"connections" json:"connections"`
	Senders     uint64 `ch:"senders" json:"senders"`
	Groups      uint64 `ch:"groups" json:"-"` // all groups of the question, of which the answer has the largest
}

// resentRow is a row of one of the two, as the server answers both at once.
type resentRow struct {
	Resent
	Host        string `ch:"host"`
	Reason      string `ch:"reason"`
	Direction   string `ch:"direction"`
	SentHere    uint64 `ch:"sent_here"`
	Connections uint64 `ch:"connections"`
	Senders     uint64 `ch:"senders"`
	Groups      uint64 `ch:"groups"`
}

// Resent counts the packets of the window that were sent again, by why, and by the drop that explains them; the top most frequent of either.
// The drop may be up to 130 seconds before the window.
func (c *Client) Resent(ctx context.Context, w Window, f Filter, top int) ([]Resent, []Dropper, error) {
	if err := c.kept(ctx, ofEvents, w); err != nil {
		return nil, nil, err
	}
	where := f.anyKind().events(w)
	rows, err := ask[resentRow](ctx, c, Question{"packets sent again", fmt.Sprintf(`SELECT toString(kind) AS kind, toString(why) AS why, drop_host AS host, drop_reason AS reason, drop_direction AS direction,
    count() AS packets, sum(weight) AS records,
    countIf(explained = 'dropped on this host') AS here, countIf(explained = 'dropped on another host') AS elsewhere,
    countIf(startsWith(explained, 'its acknowledgement')) AS acks, countIf(explained = 'no drop seen') AS no_drop, countIf(startsWith(explained, 'not known')) AS not_known,
    countIf(dropped_here) AS sent_here, uniqExact(sender, boot_id, session, conn) AS connections, uniqExact(sender) AS senders, count() OVER (PARTITION BY host != '') AS groups
FROM (SELECT *, host AS sender FROM %s(from = %s, to = %s) WHERE %s)
GROUP BY GROUPING SETS ((kind, why), (drop_host, drop_reason, drop_direction))
HAVING host != '' OR grouping(drop_host) = 1
ORDER BY host != '', packets DESC, kind, why, host, reason, direction
LIMIT %d BY host != ''`, c.table("retransmissions"), paramFrom, paramTo, where, top), where.parameters})
	var reasons []Resent
	var droppers []Dropper
	for _, r := range rows {
		if r.Host == "" {
			reasons = append(reasons, r.Resent)
			continue
		}
		droppers = append(droppers, Dropper{r.Host, r.Reason, r.Direction, r.Packets, r.SentHere, r.Acks, r.Connections, r.Senders, r.Groups})
	}
	return reasons, droppers, err
}

// anyKind is the filter without its kind of event.
func (f Filter) anyKind() Filter {
	f.Kind = ""
	return f
}

// EndingsWithLoss is the endings of one cause on one host that had sent something again, and how much of that the host had dropped itself. Own
// counts the endings of which it dropped at least one packet. Retransmits and Needless count segments, as the kernel does; Seen, Here,
// Elsewhere and NoDrop packets that the ledger has, of several segments each.
type EndingsWithLoss struct {
	Host        string            `ch:"host" json:"host"`
	Cause       string            `ch:"cause" json:"cause"`
	Endings     uint64            `ch:"endings" json:"endings"`
	Own         uint64            `ch:"own" json:"with_loss_of_this_host"`
	Retransmits uint64            `ch:"segments" json:"retransmits"`
	Needless    uint64            `ch:"needless" json:"dsack_dups"`
	Seen        uint64            `ch:"seen" json:"packets"`
	Here        uint64            `ch:"here" json:"dropped_on_this_host"`
	Elsewhere   uint64            `ch:"elsewhere" json:"dropped_on_another_host"`
	NoDrop      uint64            `ch:"no_drop" json:"no_drop_seen"`
	Reasons     map[string]uint64 `ch:"reasons" json:"drop_reasons"` // of this host's drops
	Groups      uint64            `ch:"groups" json:"-"`             // all groups of the question, of which the answer has the largest
}

// ResentBefore is how long before the end of a connection its packets that were sent again are looked for.
const ResentBefore = 10 * time.Minute

// EndingsWithLoss counts the connections that ended in the window after they had sent something again, the hosts and causes first of which a host
// itself dropped packets of the most. Packets are those from ten minutes before the window on.
func (c *Client) EndingsWithLoss(ctx context.Context, w Window, f Filter, top int) ([]EndingsWithLoss, error) {
	if err := c.kept(ctx, ofEndings, w); err != nil {
		return nil, err
	}
	earlier := w.From.Add(-ResentBefore)
	if err := c.kept(ctx, ofEvents, Window{earlier, w.To}); err != nil {
		return nil, err
	}
	where := f.endings(w)
	where.parameters["sent_from"] = timeParameter(earlier)
	sent := (&condition{parts: []string{"conn != 0"}, parameters: where.parameters}).text("host", f.Host).remote(f.Remote)
	return ask[EndingsWithLoss](ctx, c, Question{"endings with loss", fmt.Sprintf(`SELECT host, cause, count() AS endings, countIf(here_ > 0) AS own, sum(retransmits) AS segments, sum(ifNull(dsack_dups, 0)) AS needless,
    sum(seen_) AS seen, sum(here_) AS here, sum(elsewhere_) AS elsewhere, sum(no_drop_) AS no_drop, sumMap(reasons_) AS reasons, count() OVER () AS groups
FROM
(
    SELECT toString(host) AS host, boot_id, session, conn, toString(cause) AS cause, toUInt64(retransmits) AS retransmits, dsack_dups
    FROM %s
    WHERE %s AND retransmits > 0
) AS ended
LEFT JOIN
(
    SELECT toString(host) AS host, boot_id, session, conn, sum(weight) AS seen_, countIf(dropped_here) AS here_,
        countIf(drop_host != '' AND NOT dropped_here) AS elsewhere_, countIf(explained = 'no drop seen') AS no_drop_,
        sumMapIf(map(drop_reason, toUInt64(1)), dropped_here) AS reasons_
    FROM %s(from = {sent_from:DateTime64(6, 'UTC')}, to = %s)
    WHERE %s
    GROUP BY host, boot_id, session, conn
) AS sent USING (host, boot_id, session, conn)
GROUP BY host, cause
ORDER BY own DESC, endings DESC, host, cause
LIMIT %d`, c.table("connections"), where, c.table("retransmissions"), paramTo, sent, top), where.parameters})
}
