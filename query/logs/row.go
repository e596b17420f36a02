// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tcpledger/query"
	"tcpledger/schema"
)

// Row is a connection's row with what its story needs. DurationUS is nil if it began before the agent.
type Row struct {
	Ending
	BootID       string  `ch:"boot_id" json:"boot_id"`
	Conn         uint64  `ch:"conn" json:"conn"`
	DurationUS   *uint64 `ch:"duration_us" json:"duration_us"`
	Sent         uint64  `ch:"sent" json:"bytes_sent"`
	Received     uint64  `ch:"received" json:"bytes_received"`
	Unsent       uint32  `ch:"unsent" json:"bytes_unsent"`
	Unread       uint32  `ch:"unread" json:"bytes_unread"`
	Retransmits  uint32  `ch:"retransmits" json:"retransmits"`
	Service      string  `ch:"service" json:"service"` // pod, container or systemd unit
	ClockErrorUS uint32  `ch:"clock_error_us" json:"clock_error_us"`
	ClockOff     bool    `ch:"clock_off" json:"clock_off"`
}

// Client is the end that tells connections apart: its address and port name the connection on both hosts, through DNAT too.
func (e *Ending) Client() netip.AddrPort {
	if e.Role == "server" {
		return e.Remote()
	}
	return e.Local()
}

// Local is the end of the host that the row is from; IPv4 is IPv4.
func (e *Ending) Local() netip.AddrPort { return netip.AddrPortFrom(e.LocalIP.Unmap(), e.LocalPort) }

// Remote is the other end as that host sees it.
func (e *Ending) Remote() netip.AddrPort { return netip.AddrPortFrom(e.RemoteIP.Unmap(), e.RemotePort) }

// Began is when the connection began, the zero time if that was before the agent.
func (r *Row) Began() time.Time {
	if r.DurationUS == nil {
		return time.Time{}
	}
	return r.ClosedAt.Add(-time.Duration(*r.DurationUS) * time.Microsecond)
}

// EndsQuestion is the question of Ends.
func EndsQuestion(c *query.Client, w query.Window, a, b netip.AddrPort, top int) query.Question {
	q := query.Question{Name: "connections of an end", Parameters: w.Parameters()}
	where := schema.EndOfConnection("{ip:IPv6}", "{port:UInt16}")
	q.Parameters["ip"], q.Parameters["port"] = mapped(a.Addr()), fmt.Sprint(a.Port())
	if b.IsValid() {
		where += "\n    AND " + schema.EndOfConnection("{other_ip:IPv6}", "{other_port:UInt16}")
		q.Parameters["other_ip"], q.Parameters["other_port"] = mapped(b.Addr()), fmt.Sprint(b.Port())
	}
	q.SQL = fmt.Sprintf(`SELECT toString(host) AS host, session, stream, seq, closed_at, ifNull(opened_at, fromUnixTimestamp64Micro(0, 'UTC')) AS opened_at,
    local_ip, local_port, remote_ip, remote_port, toString(role) AS side, toString(cause) AS cause, toString(initiator) AS initiator,
    toString(reset) AS reset, toString(error) AS error, toString(owner_comm) AS comm, owner_pid,
    toString(boot_id) AS boot_id, conn, duration_us, bytes_sent AS sent, bytes_received AS received, bytes_unsent AS unsent, bytes_unread AS unread, retransmits,
    if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, toString(service))) AS service, clock_error_us, clock_off
FROM %s
WHERE closed_at >= %s AND closed_at < %s
    AND %s
ORDER BY closed_at DESC, host, stream, seq
LIMIT %d`, c.Table("connections"), paramFrom, paramTo, where, top)
	return q
}

// Ends lists the connections of the window that have this end, as their host or as the other side of a translation sees it, and the other
// one too if b is valid; the newest first, at most top.
func Ends(ctx context.Context, c *query.Client, w query.Window, a, b netip.AddrPort, top int) ([]Row, error) {
	return query.Ask[Row](ctx, c, EndsQuestion(c, w, a, b, top))
}

func mapped(ip netip.Addr) string { return netip.AddrFrom16(ip.As16()).StringExpanded() }

// RowsSQL is the statement that shows the rows, whole, in clickhouse-client.
func RowsSQL(c *query.Client, rows []Row) string {
	first, last := rows[0].ClosedAt, rows[0].ClosedAt
	ids := make([]string, len(rows))
	for i := range rows {
		r := &rows[i]
		if r.ClosedAt.Before(first) {
			first = r.ClosedAt
		}
		if r.ClosedAt.After(last) {
			last = r.ClosedAt
		}
		ids[i] = fmt.Sprintf("(%s, %d, %d, %d)", schema.Quote(r.Host), r.Session, r.Stream, r.Seq)
	}
	const layout = "'2006-01-02 15:04:05.000000'"
	return fmt.Sprintf("SELECT * FROM %s FINAL\nWHERE closed_at BETWEEN toDateTime64(%s, 6, 'UTC') AND toDateTime64(%s, 6, 'UTC')\n  AND (host, session, stream, seq) IN (%s);",
		c.Table("connections"), first.UTC().Format(layout), last.UTC().Format(layout), strings.Join(ids, ", "))
}
