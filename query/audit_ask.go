// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nearTime is how far from the window a row's time may be for the quick count. What the quick count does not find is looked for at
// any time.
const nearTime = 15 * time.Minute

// checkpointed is a session as its checkpoints say it, up to a day before and after the window.
type checkpointed struct {
	Host    string    `ch:"host"`
	BootID  string    `ch:"boot"`
	Session uint64    `ch:"session"`
	Since   time.Time `ch:"since"` // its first checkpoint
	Until   time.Time `ch:"until"` // its last one
	Heard   time.Time `ch:"heard"` // when the last one was stored
	Started bool      `ch:"started"`
	Ended   bool      `ch:"ended"`
}

// there reports whether the session was there in the window.
func (s *checkpointed) there(w Window) bool {
	return !s.Until.Before(w.From) && (s.Since.Before(w.To) || !s.Started)
}

// promise is what the checkpoints of a session promise of one stream: the numbers from First on, before Next. Top is the highest
// next number of any checkpoint. Falls means that an earlier checkpoint promises more than a later one.
type promise struct {
	Host    string `ch:"host"`
	BootID  string `ch:"boot"`
	Session uint64 `ch:"session"`
	Stream  uint32 `ch:"stream"`
	First   uint64 `ch:"first"`
	Next    uint64 `ch:"next"`
	Top     uint64 `ch:"top"`
	Falls   bool   `ch:"falls"`
}

// ranges are numbers of a stream that a loss or a dead letter names.
type ranges struct {
	Host    string   `ch:"host"`
	BootID  string   `ch:"boot"`
	Session uint64   `ch:"session"`
	Stream  uint32   `ch:"stream"`
	Low     []uint64 `ch:"lows"`
	High    []uint64 `ch:"highs"` // the last number of each
}

// chunk is what the rows say of up to 65,536 numbers of a stream. The counts of numbers are of those that are promised.
type chunk struct {
	Host        string   `ch:"host"`
	BootID      string   `ch:"boot"`
	Session     uint64   `ch:"session"`
	Stream      uint32   `ch:"stream"`
	Connections uint64   `ch:"in_connections"` // numbers in connections
	Events      uint64   `ch:"in_events"`      // numbers in events
	Repeated    uint64   `ch:"repeated"`       // rows whose number came before in the same table
	Beyond      uint64   `ch:"beyond"`         // numbers above Top
	Low         []uint64 `ch:"lows"`           // the promised numbers of both tables, as disjoint ranges
	High        []uint64 `ch:"highs"`
}

// repeat says how often rows of one number came again in one table.
type repeat struct {
	Host     string `ch:"host"`
	BootID   string `ch:"boot"`
	Session  uint64 `ch:"session"`
	Stream   uint32 `ch:"stream"`
	Twice    uint64 `ch:"twice"`    // with another identity: they show as two rows
	Replayed uint64 `ch:"replayed"` // with the same identity: they show as one row
	Differ   uint64 `ch:"differ"`   // numbers whose rows have one identity and say different things
	Seq      uint64 `ch:"example"`  // the first number that shows as two rows
	Differs  uint64 `ch:"differs"`  // the first number of those that differ
}

// unread are offsets of a topic that no ingester read and of which nobody knows whose records they held.
type unread struct {
	Topic     string `ch:"topic"`
	Partition int32  `ch:"partition"`
	Offset    int64  `ch:"offset"`
	Reason    string `ch:"reason"`
}

const checkpointsSQL = `SELECT toString(host) AS host, toString(boot_id) AS boot, session, min(at) AS since, max(at) AS until, argMax(received_at, at) AS heard,
    argMin(phase, at) = 'start' AS started, argMax(phase, at) = 'end' AS ended
FROM <database>.checkpoints
WHERE at >= <from> - INTERVAL 1 DAY AND at < <to> + INTERVAL 1 DAY<host>
GROUP BY host, boot_id, session
ORDER BY host, since, boot, session`

const lossRangesSQL = `SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, groupArray(seq_from) AS lows, groupArray(seq_to) AS highs
FROM <database>.loss
WHERE session IN ({sessions:Array(UInt64)})<host>
GROUP BY host, boot_id, session, stream`

const deadRangesSQL = `SELECT toString(host) AS host, toString(toUUIDOrZero(boot_id)) AS boot, session, stream, groupArray(low) AS lows, groupArray(high) AS highs
FROM <database>.dead_letters
ARRAY JOIN streams AS stream, seqs_from AS low, seqs_to AS high
WHERE session IN ({sessions:Array(UInt64)})<host>
GROUP BY host, boot, session, stream`

const unreadSQL = `SELECT toString(topic) AS topic, partition, offset, reason
FROM <database>.dead_letters
WHERE received_at >= <from> - INTERVAL 1 HOUR AND received_at < <to> + INTERVAL 1 DAY AND empty(streams) AND startsWith(reason, 'unreadable')
ORDER BY topic, partition, offset`

// chunksSQL reads every row once, without FINAL: a bitmap holds a number once, however often it comes. A chunk is cut to what is
// promised; its numbers become disjoint ranges, without a look at each number if they are one. The join keeps chunks of which nothing is
// promised: an inner join would filter each row by the promises, which costs more.
const chunksSQL = `WITH promises AS
(
    SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, first, next, top FROM (<promises>)
)
SELECT host, boot, session, stream, in_connections, in_events, repeated, beyond,
    arrayMap(n -> base + n, if(one, [lowest], arrayFilter((n, step) -> step != 1, held, steps))) AS lows,
    arrayMap(n -> base + n, if(one, [highest], arrayFilter((n, step) -> step != 1, held, arraySlice(arrayPushBack(steps, 0), 2)))) AS highs
FROM
(
    SELECT host, boot, session, stream, base,
        toUInt32(least(65536, if(first > base, first - base, 0))) AS low, toUInt32(least(65536, if(next > base, next - base, 0))) AS stop,
        toUInt32(least(65536, if(top > base, top - base, 0))) AS given,
        bitmapCardinality(bitmapSubsetInRange(bits_c, low, stop)) AS in_connections,
        bitmapCardinality(bitmapSubsetInRange(bits_e, low, stop)) AS in_events,
        toUInt64(rows - bitmapCardinality(bits_c) - bitmapCardinality(bits_e)) AS repeated,
        toUInt64(bitmapCardinality(bits) - bitmapCardinality(bitmapSubsetInRange(bits, 0, given))) AS beyond,
        bitmapSubsetInRange(bits, low, stop) AS promised, toUInt32(bitmapMin(promised)) AS lowest, toUInt32(bitmapMax(promised)) AS highest,
        bitmapCardinality(promised) > 0 AND bitmapCardinality(promised) = toUInt64(highest - lowest + 1) AS one,
        arraySort(bitmapToArray(bitmapSubsetInRange(promised, 0, toUInt32(if(one, 0, 65536))))) AS held, arrayDifference(held) AS steps
    FROM
    (
        SELECT host, boot, session, stream, bitShiftLeft(part, 16) AS base, sum(n) AS rows,
            groupBitmapMergeStateIf(part_bits, source = 'connections') AS bits_c, groupBitmapMergeStateIf(part_bits, source = 'events') AS bits_e,
            groupBitmapMergeState(part_bits) AS bits
        FROM (<rows>)
        GROUP BY host, boot, session, stream, part
    ) AS r
    LEFT JOIN promises USING (host, boot, session, stream)
)
ORDER BY host, boot, session, stream, base`

const rowsSQL = `SELECT '<table>' AS source, toString(host) AS host, toString(boot_id) AS boot, session, stream, part, n, part_bits
FROM
(
    SELECT host, boot_id, session, stream, bitShiftRight(seq, 16) AS part, count() AS n, groupBitmapState(toUInt32(bitAnd(seq, 65535))) AS part_bits
    FROM <database>.<table>
    WHERE <rows-where><host>
    GROUP BY host, boot_id, session, stream, part
    SETTINGS final = 0
)`

// repeatsSQL tells a row that came again from a second row of the same number: the first has the whole identity of the table. Rows
// of one identity that say different things are told by what the agent said, not by what an ingester made of it: a newer version may
// make more of the same message.
const repeatsSQL = `WITH promises AS
(
    SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, first, next FROM (<promises>)
)
SELECT host, boot, session, stream, toUInt64(sum(versions - 1)) AS twice, toUInt64(sum(times - versions)) AS replayed, countIf(lowest != highest AND versions = 1) AS differ,
    minIf(seq, versions > 1) AS example, minIf(seq, lowest != highest AND versions = 1) AS differs
FROM
(
    SELECT toString(host) AS host, toString(boot_id) AS boot, session, stream, seq, count() AS times, uniqExact(cgroup_id, conn, <time>) AS versions,
        min(cityHash64(<said>)) AS lowest, max(cityHash64(<said>)) AS highest
    FROM <database>.<table>
    WHERE <rows-where><host>
    GROUP BY host, boot, session, stream, seq
    HAVING times > 1
    SETTINGS final = 0
) AS r
INNER JOIN promises USING (host, boot, session, stream)
WHERE seq >= first AND seq < next
GROUP BY host, boot, session, stream`

// saidOfBoth are the columns of both tables that an agent says, whatever the version of the ingester that stored them.
const saidOfBoth = "cookie, netns, local_ip, local_port, remote_ip, remote_port, owner_pid, stack_id, errno"

type rowTable struct{ name, time, said string }

// rowTables are the tables that hold numbered rows, with the column of their time, and what an agent says of a row.
var rowTables = []rowTable{
	{"connections", "closed_at", saidOfBoth + ", ifNull(duration_us, 0), bytes_sent, bytes_received, segs_in, segs_out"},
	{"events", "at", saidOfBoth + ", kind, ifNull(reason_raw, 0), tcp_flags, length"},
}

// question fills in a text of this file. Sessions is nil for all sessions near the window.
func (a *auditor) question(name, sql string, sessions []uint64) Question {
	parameters := a.window.parameters()
	host := ""
	if a.filter.Host != "" {
		host, parameters["host"] = " AND host = {host:String}", textParameter(a.filter.Host)
	}
	if sessions != nil {
		texts := make([]string, len(sessions))
		for i, s := range sessions {
			texts[i] = strconv.FormatUint(s, 10)
		}
		parameters["sessions"] = "[" + strings.Join(texts, ",") + "]"
	}
	sql = strings.ReplaceAll(sql, "<promises>", strings.Replace(promisesSQL, "toString(boot_id) AS boot", "boot_id", 1))
	if strings.Contains(sql, "{promised:") {
		parameters["promised"] = "[" + a.promised + "]"
	}
	for name, text := range map[string]string{"<from>": paramFrom, "<to>": paramTo, "<host>": host, "<database>.": a.client.table("")} {
		sql = strings.ReplaceAll(sql, name, text)
	}
	return Question{name, sql, parameters}
}

// of fills in the table of rows, and which of them are read: those near the window, or all of the sessions given.
func (a *auditor) of(sql, table, column string, sessions []uint64) string {
	where := fmt.Sprintf("%[1]s >= <from> - INTERVAL %[2]d MINUTE AND %[1]s < <to> + INTERVAL %[2]d MINUTE", column, nearTime/time.Minute)
	switch {
	case sessions != nil:
		where = "session IN ({sessions:Array(UInt64)})"
	case a.everywhere:
		where = "1"
	case len(a.hours) > 0:
		where = a.besides(column)
	}
	return strings.NewReplacer("<table>", table, "<time>", column, "<rows-where>", where).Replace(sql)
}

// chunks reads what the rows say.
func (a *auditor) chunks(ctx context.Context, sessions []uint64) iter.Seq2[*chunk, error] {
	var parts []string
	for _, t := range rowTables {
		if !slices.Contains(a.out.absent, t.name) {
			parts = append(parts, a.of(rowsSQL, t.name, t.time, sessions))
		}
	}
	if len(parts) == 0 {
		return func(func(*chunk, error) bool) {}
	}
	sql := strings.Replace(chunksSQL, "<rows>", strings.Join(parts, "\nUNION ALL "), 1)
	return stream[chunk](ctx, a.client, a.question("numbers of the rows", sql, sessions))
}
