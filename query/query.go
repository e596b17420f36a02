// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Query is one question as it is sent: SQL with ClickHouse's own {name:Type} parameters.
type Query struct {
	Name       string
	SQL        string
	Parameters map[string]string
}

// Text is the query as one can paste it into clickhouse-client: parameters, statement and the settings that give FINAL
// semantics.
func (q Query) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n", q.Name)
	for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
		fmt.Fprintf(&b, "SET param_%s = %s;\n", name, quote(q.Parameters[name]))
	}
	b.WriteString(q.SQL)
	separator := "\nSETTINGS "
	for _, name := range slices.Sorted(maps.Keys(finalSettings)) {
		fmt.Fprintf(&b, "%s%s = %s", separator, name, literal(finalSettings[name]))
		separator = ", "
	}
	b.WriteString(";\n")
	return b.String()
}

func literal(v any) string {
	if s, ok := v.(string); ok {
		return quote(s)
	}
	return fmt.Sprint(v)
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// perGroup are the columns of every question that counts endings by something. causes and the count of groups come with it
// so that one query is enough.
const perGroup = `count() AS endings,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    median(duration_us) AS median_us,
    sum(bytes_sent) AS sent, sum(bytes_received) AS received,
    sumMap(map(toString(cause), toUInt64(1))) AS causes,
    count() OVER () AS groups`

func (l *Ledger) totalsQuery(f Filter) Query {
	where, parameters := f.endings()
	return Query{"totals", `SELECT count() AS endings, uniqExact(host) AS hosts,
    countIf(reset = 'sent') AS resets_sent, countIf(reset = 'received') AS resets_received,
    countIf(clock_off) AS clocks_off
FROM ` + l.table("connections") + `
WHERE ` + where, parameters}
}

func (l *Ledger) causesQuery(f Filter, top int) Query {
	where, parameters := f.endings()
	return Query{"endings by cause", fmt.Sprintf(`SELECT toString(cause) AS name,
    countIf(initiator = 'local') AS local, countIf(initiator = 'peer') AS peer,
    countIf(initiator = 'kernel') AS kernel, countIf(initiator = 'unknown') AS unknown,
    %s
FROM %s
WHERE %s
GROUP BY cause
ORDER BY endings DESC, name
LIMIT %d`, perGroup, l.table("connections"), where, top), parameters}
}

func (l *Ledger) ownersQuery(f Filter, top int) Query {
	where, parameters := f.endings()
	return Query{"endings by owner", fmt.Sprintf(`SELECT toString(owner_comm) AS comm,
    if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service)) AS place,
    %s
FROM %s
WHERE %s
GROUP BY comm, place
ORDER BY endings DESC, comm, place
LIMIT %d`, perGroup, l.table("connections"), where, top), parameters}
}

func (l *Ledger) remotesQuery(f Filter, top int) Query {
	where, parameters := f.endings()
	return Query{"endings by remote", fmt.Sprintf(`SELECT remote_ip AS ip, service_port AS port, toString(role) AS side,
    %s
FROM %s
WHERE %s
GROUP BY ip, port, side
ORDER BY endings DESC, ip, port, side
LIMIT %d`, perGroup, l.table("connections"), where, top), parameters}
}

// pathsQuery groups by the fingerprint of the function names, by the stack itself until all its frames are resolved.
func (l *Ledger) pathsQuery(f Filter, top int) Query {
	where, parameters := f.endings()
	stack := quote(l.database + ".stack")
	return Query{"endings by code path", fmt.Sprintf(`SELECT if(fp = 0, stack_id, fp) AS path, min(stack_id) AS stack,
    dictGet(%s, 'symbols', min(stack_id)) AS symbols,
    %s
FROM
(
    SELECT stack_id, dictGet(%s, 'fp', stack_id) AS fp, reset, duration_us, bytes_sent, bytes_received, cause
    FROM %s
    WHERE %s
)
GROUP BY path
ORDER BY endings DESC, path
LIMIT %d`, stack, perGroup, stack, l.table("connections"), strings.ReplaceAll(where, "\n", "\n    "), top), parameters}
}

func (l *Ledger) lossesQuery(f Filter) Query {
	where, parameters := "", f.window()
	if f.Host != "" {
		where, parameters["host"] = "\nWHERE host = {host:String}", textParameter(f.Host)
	}
	return Query{"losses", fmt.Sprintf(`SELECT toString(host) AS host, kind, toString(cause) AS cause, toUInt64(records) AS records
FROM %s(from = {from:String}, to = {to:String})%s
ORDER BY records DESC, host, kind, cause
LIMIT %d`, l.table("losses"), where, maxRows), parameters}
}

// knownQuery asks each host's last checkpoint, up to a day after the window: a checkpoint at or after its end says that all
// before was sent. Hosts that have endings but never a checkpoint are in it too. With it come the spans that the checkpoints of
// one session cover, as far as they touch the window.
func (l *Ledger) knownQuery(f Filter) Query {
	parameters, andHost := f.window(), ""
	if f.Host != "" {
		parameters["host"], andHost = textParameter(f.Host), " AND host = {host:String}"
	}
	return Query{"last checkpoint of each host", fmt.Sprintf(`SELECT toString(host) AS host, max(until) AS last, toString(argMax(ended, until)) AS phase,
    arraySort(groupArrayIf([since, until], until >= {from:DateTime64(6, 'UTC')} AND since < {to:DateTime64(6, 'UTC')})) AS sessions
FROM
(
    SELECT host, min(at) AS since, max(at) AS until, argMax(phase, at) AS ended FROM %s
    WHERE at >= {from:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND at < {to:DateTime64(6, 'UTC')} + INTERVAL 1 DAY%s
    GROUP BY host, boot_id, session
    UNION ALL
    SELECT DISTINCT host, toDateTime64(0, 6, 'UTC') AS since, since AS until, '' AS ended FROM %s
    WHERE %s%s
)
GROUP BY host
ORDER BY last, host
LIMIT %d`, l.table("checkpoints"), andHost, l.table("connections"), windowOfEndings, andHost, maxRows), parameters}
}

func (l *Ledger) latestQuery(f Filter, top int) Query {
	where, parameters := f.endings()
	return Query{"latest endings", fmt.Sprintf(`SELECT closed_at, toString(host) AS host, local_ip, local_port, remote_ip, remote_port, toString(role) AS side,
    toString(cause) AS cause, toString(initiator) AS initiator, toString(reset) AS reset, toString(error) AS error,
    toString(owner_comm) AS comm, owner_pid AS pid, duration_us, bytes_sent AS sent, bytes_received AS received
FROM %s
WHERE %s
ORDER BY closed_at DESC, host, stream, seq
LIMIT %d`, l.table("connections"), where, top), parameters}
}

func (l *Ledger) ratesQuery(f Filter, slotSeconds int) Query {
	where, parameters := f.endings()
	return Query{"endings over time", fmt.Sprintf(`SELECT toInt64(intDiv(toUnixTimestamp(closed_at), %d) * %d) AS slot, toString(cause) AS cause, count() AS endings
FROM %s
WHERE %s
GROUP BY slot, cause
ORDER BY slot, cause
LIMIT %d`, slotSeconds, slotSeconds, l.table("connections"), where, maxRows), parameters}
}
