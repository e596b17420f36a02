// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"time"

	"tcpledger/query"
)

// Reach says how far a line may be from the ending that it is matched with.
type Reach struct {
	// Lag is how long after a connection's end, and before its beginning, a line may name its ends.
	Lag time.Duration
	// Life is how long after the window a connection may end that a line names by its ends.
	Life time.Duration
	// Near is how far from an ending, before or after, a line may be that names no end but only its process or host.
	Near time.Duration
}

// DefaultReach suits lines that are stamped as they are written.
var DefaultReach = Reach{Lag: 5 * time.Second, Life: time.Hour, Near: time.Second}

// How says by what a line was matched. The strongest that finds an ending counts.
const (
	ByEnds      = "ends"             // an end with address and port
	ByContainer = "container"        // the container, and the time
	ByPod       = "pod"              // the pod, and the time
	ByPID       = "host and process" // the host and the process id, and the time
	ByHost      = "host"             // the host, and the time
)

// hows are the names in the order of their strength.
var hows = []string{ByEnds, ByContainer, ByPod, ByPID, ByHost}

// ending is what a match says of a connection, as a tuple: its end first, so that tuples sort by time; then its identity.
const ending = `(closed_us, host, session, stream, seq, opened_us, local_ip, local_port, remote_ip, remote_port,
            role, toString(cause), toString(initiator), toString(reset), toString(error), toString(owner_comm), owner_pid)`

// endedSQL is the connections that lines of the window can be about. opened_us is 0 if it is not known.
func (s *Source) endedSQL() string {
	return fmt.Sprintf(`SELECT *, %s AS ended
    FROM
    (
        SELECT toInt64(toUnixTimestamp64Micro(closed_at)) AS closed_us, if(duration_us IS NULL, 0, closed_us - toInt64(assumeNotNull(duration_us))) AS opened_us,
            toString(host) AS host, session, stream, seq, local_ip, local_port, remote_ip, remote_port, toString(role) AS role, cause, initiator, reset, error, owner_comm, owner_pid,
            container_id, toString(k8s_namespace) AS k8s_namespace, toString(k8s_pod) AS k8s_pod, toString(k8s_pod_uid) AS k8s_pod_uid
        FROM %s
        WHERE closed_at >= %s - toIntervalMicrosecond({lag:UInt64}) AND closed_at < %s + toIntervalMicrosecond({life:UInt64})
    )`, ending, s.client.Table("connections"), paramFrom, paramTo)
}

// byEndsSQL matches lines that name a connection's client end with address and port: of the two ends it is the one that tells
// connections apart. The other end must agree if the line names it. A connection of two hosts of ours has a row on each; the row
// of the line's writer is the one shown. Two rows of one role are two connections.
const byEndsSQL = `SELECT line, relation, 0 AS level,
        toUInt64(greatest(uniqExactIf(id, side = 'client'), uniqExactIf(id, side = 'server'))) AS candidates,
        argMax(ended, (is_own, is_here, -abs(off), side = 'client')) AS best, argMax(off, (is_own, is_here, -abs(off), side = 'client')) AS off_us, groupUniqArray(100)(id) AS ids
    FROM
    (
        SELECT line, relation, ended, side, (ended.2, ended.3, ended.4, ended.5) AS id,
            multiIf(at_us > closed_us, at_us - closed_us, at_us < opened_us, at_us - opened_us, 0) AS off,
            lines.host = ends.host AS is_here,
            if(writer != '', writer = side, is_here AND (pid = owner_pid AND pid != 0 OR container = container_id AND container != '')) AS is_own
        FROM
        (
            SELECT line, at_us, host, pid, container, relation, p.1.1 AS ip, p.1.2 AS port, p.2 AS other, p.3 AS writer
            FROM
            (
                SELECT line, at_us, host, pid, container, n.1 AS relation, if(n.2, [(n.3, n.4, 'client'), (n.4, n.3, 'server')], [(n.3, n.4, '')]) AS probes
                FROM lines ARRAY JOIN named AS n
            )
            ARRAY JOIN probes AS p
            WHERE p.1.1 != toIPv6('::') AND p.1.2 != 0
        ) AS lines
        INNER JOIN
        (
            SELECT ended, host, closed_us, opened_us, owner_pid, container_id,
                e.1 AS side, e.2 AS ip, e.3 AS port, e.4 AS other_ip, e.5 AS other_port
            FROM
            (
                SELECT *, arrayFilter(s -> s.1 = role OR role NOT IN ('client', 'server'),
                    [('client', local_ip, local_port, remote_ip, remote_port), ('server', remote_ip, remote_port, local_ip, local_port)]) AS sides
                FROM ended
            )
            ARRAY JOIN sides AS e
        ) AS ends ON lines.ip = ends.ip AND lines.port = ends.port
        WHERE (other.1 = toIPv6('::') OR other.1 = other_ip) AND (other.2 = 0 OR other.2 = other_port)
            AND at_us <= closed_us + toInt64({lag:UInt64}) AND at_us >= opened_us - toInt64({lag:UInt64})
    )
    GROUP BY line, relation`

// byPlaceSQL matches lines that do not name a client end by where they were written: endings of the same place within reach of the line's
// time. A place is a container, pod, process or host, with the ends that the line does name; 'unowned' are connections of the host whose
// process is not known. around has for each place its endings in the order of time, and how many there are up to each.
const byPlaceSQL = `SELECT line, relation, argMin(at_level, at_level) AS level, argMin(found, at_level) AS candidates,
        argMin(nearest, at_level) AS best, argMin(distance, at_level) AS off_us, if(candidates = 1, [(best.2, best.3, best.4, best.5)], []) AS ids
    FROM
    (
        SELECT line, relation, at_level, any(at) AS at_us,
            toUInt64(anyIf(upto, moment = 3) - anyIf(upto, moment = 1)) AS found,
            anyIf(before, moment = 2) AS b, anyIf(after, moment = 2) AS a,
            if(b.1 != 0 AND (a.1 = 0 OR at_us - b.1 <= a.1 - at_us), b, a) AS nearest, at_us - nearest.1 AS distance
        FROM
        (
            SELECT line, relation, at_level, at_us AS at, place_key AS key, moment,
                at_us + toInt64(({near:UInt64})) * (moment - 2) - (moment = 1) AS probe_us
            FROM wanted ARRAY JOIN [1, 2, 3] AS moment
        ) AS probes
        ASOF LEFT JOIN
        (
            SELECT key, before, after, before.1 AS before_us, upto
            FROM
            (
                SELECT key, arraySort(e -> e.1, groupArray((closed_us, any_ended, n))) AS ends,
                    arrayMap(e -> e.2, ends) AS in_order, in_order[length(in_order) + 1] AS none
                FROM (SELECT place_key AS key, closed_us, any(ended) AS any_ended, count() AS n FROM placed GROUP BY key, closed_us)
                GROUP BY key
            )
            ARRAY JOIN arrayPushFront(in_order, none) AS before, arrayPushBack(in_order, none) AS after,
                arrayPushFront(arrayCumSum(arrayMap(e -> e.3, ends)), 0) AS upto
        ) AS around ON probes.key = around.key AND probes.probe_us >= around.before_us
        GROUP BY line, relation, at_level
        HAVING found > 0
    )
    GROUP BY line, relation`

// wantedSQL is the places of lines. What a line names of its ends is part of the key, since another end is another connection.
const wantedSQL = `SELECT line, at_us, relation, p.1 AS at_level, cityHash64(p.2, suffix) AS place_key
    FROM
    (
        SELECT line, at_us, n.1 AS relation, if(n.2, ('own', n.4.1, n.4.2, n.3.2), ('server', n.4.1, n.4.2, toUInt16(0))) AS suffix, at
        FROM
        (
            SELECT line, at_us, named, container != '' OR pod != '' OR pod_uid != '' AS inside, arrayFilter(p -> p.2 != '', [
                (1, if(container = '', '', concat('container ', container))),
                (2, multiIf(pod_uid != '', concat('pod uid ', pod_uid), pod != '', concat('pod ', namespace, '/', pod), '')),
                (3, if(pid = 0 OR host = '' OR inside, '', concat('process ', toString(pid), ' ', host))),
                (4, multiIf(host = '', '', pid != 0 OR inside, concat('unowned ', host), concat('host ', host)))]) AS at
            FROM lines
        )
        ARRAY JOIN named AS n
        WHERE if(n.2, n.3.2 = 0 OR n.4.2 = 0, n.3.2 = 0)
    )
    ARRAY JOIN at AS p`

// placedSQL is the connections at each place that a line wants: each with all of the ends that a line may name.
const placedSQL = `SELECT ended, closed_us, place_key
    FROM
    (
        SELECT ended, closed_us, cityHash64(place, suffix) AS place_key
        FROM
        (
            SELECT ended, closed_us, place,
                arrayConcat(
                    arrayMap(r -> ('own', r.1, r.2, local_port), remotes), arrayMap(r -> ('own', r.1, r.2, toUInt16(0)), remotes),
                    arrayMap(r -> ('server', r.1, r.2, toUInt16(0)), servers)) AS suffixes
            FROM
            (
                SELECT ended, closed_us, local_port,
                    [(remote_ip, remote_port), (remote_ip, toUInt16(0)), (toIPv6('::'), remote_port), (toIPv6('::'), toUInt16(0))] AS remotes,
                    if(role = 'server', [(local_ip, local_port), (local_ip, toUInt16(0)), (toIPv6('::'), local_port), (toIPv6('::'), toUInt16(0))], remotes) AS servers,
                    arrayFilter(p -> p != '', [
                        if(container_id = '', '', concat('container ', container_id)),
                        if(k8s_pod_uid = '', '', concat('pod uid ', k8s_pod_uid)),
                        if(k8s_pod = '', '', concat('pod ', k8s_namespace, '/', k8s_pod)), if(k8s_pod = '', '', concat('pod /', k8s_pod)),
                        if(owner_pid = 0, concat('unowned ', host), concat('process ', toString(owner_pid), ' ', host)),
                        concat('host ', host)]) AS here
                FROM ended
            )
            ARRAY JOIN here AS place
        )
        ARRAY JOIN suffixes AS suffix
    )
    WHERE place_key IN (SELECT place_key FROM wanted)`

// matchedSQL begins a statement with the tables lines and matched: each line once for each connection that it speaks of, with the
// strongest match. level is -1 and candidates 0 if no ending fits.
func (s *Source) matchedSQL(f Filter) string {
	parts := []string{"WITH lines AS\n(\n    " + s.linesSQL(f) + "\n)", "ended AS\n(\n    " + s.endedSQL() + "\n)",
		"wanted AS\n(\n    " + wantedSQL + "\n)", "placed AS\n(\n    " + placedSQL + "\n)"}
	return strings.Join(parts, ",\n") + fmt.Sprintf(`,
found AS
(
    SELECT line, relation, argMin(ways.level, ways.level) AS strongest, argMin(ways.candidates, ways.level) AS candidates, argMin(ways.best, ways.level) AS best,
        argMin(ways.off_us, ways.level) AS off_us, argMin(ways.ids, ways.level) AS ids
    FROM
    (
    %s
    UNION ALL
    %s
    ) AS ways
    GROUP BY line, relation
),
matched AS
(
    SELECT spoken.*, found.candidates AS candidates, found.best AS best, found.off_us AS off_us, found.ids AS ids,
        if(found.candidates = 0, '', %s[found.strongest + 1]) AS how
    FROM (SELECT * EXCEPT (named, own), n.1 AS relation FROM lines ARRAY JOIN named AS n) AS spoken
    LEFT JOIN found ON spoken.line = found.line AND spoken.relation = found.relation
)`, byEndsSQL, byPlaceSQL, "['"+strings.Join(hows, "', '")+"']")
}

// parameters adds the reach to those of the lines.
func (r Reach) parameters(f Filter, w query.Window) map[string]string {
	out := f.parameters(w)
	for name, d := range map[string]time.Duration{"lag": r.Lag, "life": r.Life, "near": r.Near} {
		out[name] = fmt.Sprint(d.Microseconds())
	}
	return out
}
