// SPDX-License-Identifier: Apache-2.0

package schema

import "slices"

// A rollup is recomputed when five minutes got rows (their note stands in touched), so its time is that of five minutes or of an hour.
const (
	fiveMinutes = "toStartOfFiveMinutes"
	oneHour     = "toStartOfHour"
)

// How often ClickHouse looks for minutes, and for hours, that are to be made.
const (
	everyMinutes = "30 SECOND"
	everyHours   = "2 MINUTE"
)

// How the sums of cells become one.
const (
	mergeSum = "sumIf(%s, fresh = recount)"
	mergeMap = "sumMapIf(%s, fresh = recount)"
)

// summed is a column that a rollup sums up: From is the aggregate over the rows of its source.
func summed(name, from, doc string) Measure {
	return Measure{Column: col(name, "UInt64", codecNumbers, doc), From: from, Merge: mergeSum}
}

// histogram counts values by the power of two that they reach: 10 is 1,024 to 2,047. The values of a cell are collected and counted
// then: a third of the time of sumMap.
func histogram(name, value, doc string) Measure {
	return Measure{Column: col(name, "Map(UInt8, UInt64)", codecPlain, doc),
		From:   "groupArray(assumeNotNull(if(" + value + " IS NULL, 255, toUInt8(floor(log2(greatest(" + value + ", 1)))))))",
		Finish: "mapFromArrays(arraySort(arrayDistinct(%s)) AS powers_of_%[1]s, arrayMap(x -> countEqual(%[1]s, x), powers_of_%[1]s))",
		Merge:  mergeMap}
}

// named lists the hosts of a cell; limit, in brackets, bounds them.
func named(name, limit, doc string) Measure {
	return Measure{Column: col(name, "Array(LowCardinality(String))", codecPlain, doc),
		From: "arraySort(groupUniqArray" + limit + "(host))", Merge: "arraySort(groupUniqArrayArrayIf" + limit + "(%s, fresh = recount))"}
}

var (
	countEndings = summed("endings", "count()", "How many connections ended")
	sums         = []Measure{
		summed("weight", "sum(weight)", "The endings, and those a budget skipped before them"),
		summed("clocks_off", "countIf(clock_off)", "Endings of hosts whose clock was more than an hour off"),
		summed("bytes_sent", "sum(bytes_sent)", "Payload sent, each byte once"),
		summed("bytes_received", "sum(bytes_received)", "Payload received, each byte once"),
		summed("bytes_unsent", "sum(bytes_unsent)", "Written and never sent"),
		summed("bytes_unread", "sum(bytes_unread)", "Received and not read by the application"),
		summed("retransmits", "sum(retransmits)", "Segments retransmitted"),
	}
	durations = histogram("durations", "duration_us", "Endings by the power of two of their duration in microseconds; 255 counts those that began before the agent")
	connects  = histogram("connects", "connect_us", "Endings by the power of two of their connect time in microseconds; 255 counts those without one")
)

var (
	keyBucket = Key{col("bucket", "DateTime('UTC')", codecDelta, "The five minutes: they are made anew together"), "toStartOfFiveMinutes(closed_at)"}
	keyMinute = Key{col("minute", "DateTime('UTC')", codecDelta, "The minute in which the connections ended"), "toStartOfMinute(closed_at)"}
	keyHour   = Key{col("hour", "DateTime('UTC')", codecDelta, "The hour in which the connections ended"), "toStartOfHour(closed_at)"}
	madeAt    = col("made_at", "DateTime64(3, 'UTC')", codecDelta, "When the row was computed: of the rows of one key the newest counts")
)

// keys are columns of connections that a rollup keeps apart, as they are.
func keys(names ...string) []Key {
	return picked(connectionColumns(), names)
}

func picked(from []Column, names []string) []Key {
	var out []Key
	for _, name := range names {
		i := slices.IndexFunc(from, func(c Column) bool { return c.Name == name })
		out = append(out, Key{from[i], name})
	}
	return out
}

var (
	closeKeys     = keys("cause", "role", "service_port", "initiator", "reset", "owner_comm", "service")
	closeMeasures = slices.Concat([]Measure{countEndings}, sums, []Measure{durations, connects})
)

// again are the measures of a rollup that sums up another.
func again(measures []Measure) []Measure {
	out := slices.Clone(measures)
	for i := range out {
		switch out[i].Merge {
		case mergeSum:
			out[i].From = "sum(" + out[i].Name + ")"
		case mergeMap:
			out[i].From, out[i].Finish = "sumMap("+out[i].Name+")", ""
		}
	}
	return out
}

// Rollups lists the rollups; one that sums up another comes after it.
func Rollups() []*Rollup {
	return []*Rollup{closes1m(), causes1m(), closes1h(), hostCloses1h(), paths1h(), peers1h(), events1m(), losses5m(), numbers1h(), promises1h()}
}

func closes1m() *Rollup {
	return &Rollup{
		Name: "closes_1m", Doc: "How connections ended by minute, cause, service and owner, without the host: kept when the rows age out",
		Source: "connections", Noted: []string{"connections"}, Unit: fiveMinutes, Every: everyMinutes, Limit: 24, Edition: 2,
		Keys: slices.Concat([]Key{keyBucket, keyMinute}, closeKeys), Measures: closeMeasures, Primary: "bucket", Parts: "toYYYYMM(bucket)",
	}
}

func causes1m() *Rollup {
	return &Rollup{
		Name: "causes_1m", Doc: "How connections ended by minute and cause: small, for months by minute",
		Source: "closes_1m", Noted: []string{"connections"}, Unit: fiveMinutes, Every: everyMinutes, Limit: 96, Edition: 2,
		Keys:     slices.Concat([]Key{{keyBucket.Column, "bucket"}, {keyMinute.Column, "minute"}}, keys("cause", "initiator", "reset")),
		Measures: again(slices.Concat([]Measure{countEndings}, sums)), Order: "(cause, bucket, minute, initiator, reset)", Primary: "(cause, bucket)", Parts: "toYYYYMM(bucket)",
	}
}

func closes1h() *Rollup {
	return &Rollup{
		Name: "closes_1h", Doc: "How connections ended by hour, cause, service and owner, without the host",
		Source: "closes_1m", Noted: []string{"connections"}, Unit: oneHour, Every: everyHours, Limit: 24, Edition: 2,
		Keys: slices.Concat([]Key{{keyHour.Column, "toStartOfHour(bucket)"}}, closeKeys), Measures: again(closeMeasures), Primary: "hour", Parts: "toYear(hour)",
	}
}

func hostCloses1h() *Rollup {
	return &Rollup{
		Name: "host_closes_1h", Doc: "How connections ended by hour and host",
		Source: "connections", Noted: []string{"connections"}, Unit: oneHour, Every: everyHours, Limit: 3, Edition: 2,
		Keys: slices.Concat([]Key{keyHour}, keys("host"), closeKeys), Measures: closeMeasures, Primary: "(hour, host)", Parts: "toYYYYMM(hour)",
	}
}

func paths1h() *Rollup {
	return &Rollup{
		Name: "paths_1h", Doc: "How connections ended by hour and code path; join stacks by stack_id",
		Source: "connections", Noted: []string{"connections"}, Unit: oneHour, Every: everyHours, Limit: 3, Edition: 2,
		Keys:     slices.Concat([]Key{keyHour}, keys("stack_id", "cause", "role", "initiator", "reset")),
		Measures: slices.Concat([]Measure{countEndings}, sums, []Measure{durations}), Primary: "hour", Parts: "toYear(hour)",
	}
}

// maxPeerHosts bounds the hosts that a row of peers_1h names.
const maxPeerHosts = "32"

func peers1h() *Rollup {
	hosts := named("hosts", "("+maxPeerHosts+")", "Hosts that had such connections; at most "+maxPeerHosts+" are named")
	return &Rollup{
		Name: "peers_1h", Doc: "How connections with a remote address ended by hour: found by the address",
		Source: "connections", Noted: []string{"connections"}, Unit: oneHour, Every: everyHours, Limit: 3, Edition: 2,
		Keys:     slices.Concat(keys("remote_ip"), []Key{keyHour}, keys("role", "service_port", "cause", "initiator", "reset")),
		Measures: slices.Concat([]Measure{countEndings}, sums, []Measure{hosts, durations}), Primary: "(remote_ip, hour)", Parts: "toMonday(hour)",
	}
}

func events1m() *Rollup {
	return &Rollup{
		Name: "events_1m", Doc: "Resets, drops, retransmissions and errors by minute and reason",
		Source: "events", Noted: []string{"events"}, Unit: fiveMinutes, Every: everyMinutes, Limit: 24, Edition: 2,
		Keys: slices.Concat([]Key{{keyBucket.Column, "toStartOfFiveMinutes(at)"}, {col("minute", "DateTime('UTC')", codecDelta, "The minute in which it happened"), "toStartOfMinute(at)"}},
			picked(eventColumns(), []string{"kind", "reason", "error", "direction", "role", "service_port"})),
		Measures: []Measure{
			summed("events", "count()", "How many were recorded"),
			summed("weight", "sum(weight)", "The events, and those a budget skipped before them"),
			summed("length", "sum(length)", "Payload of the packets in bytes"),
			named("hosts", "", "Hosts that recorded such events"),
		}, Primary: "bucket", Parts: "toYYYYMM(bucket)",
	}
}

func losses5m() *Rollup {
	return &Rollup{
		Name: "losses_5m", Doc: "What was lost by five minutes, host and cause: says how complete the rollups are when the rows are gone",
		Source: "losses", Noted: []string{"losses"}, Unit: fiveMinutes, Every: everyMinutes, Limit: 48, Edition: 2, Fresh: freshLosses,
		Keys: []Key{
			{keyBucket.Column, "bucket"}, {col("host", typeName, "", "Name of the host"), "host"},
			{col("kind", typeName, "", "numbered or unnumbered, as in the view losses; hosts: records counts the hosts that sent a checkpoint"), "kind"},
			{col("cause", typeName, "", "Where the records were lost"), "cause"},
		},
		Measures: []Measure{summed("records", "sum(records)", "How many records were lost")}, Primary: "bucket", Parts: "toYYYYMM(bucket)",
	}
}

// numbers1h has the numbers of the rows as ranges: for an audit of a day.
func numbers1h() *Rollup {
	numbers := func(name, doc string) Measure {
		return Measure{Column: col(name, "Array(UInt64)", codecDelta, doc), Merge: "groupArrayArrayIf(%s, fresh = recount)"}
	}
	return &Rollup{
		Name: "numbers_1h", Doc: "Which numbers the rows of an hour have, by stream: what an audit counts",
		Source: "connections", Noted: []string{"connections", "events"}, Unit: oneHour, Every: everyHours, Limit: 3, Edition: 1, Fresh: freshNumbers,
		Keys: slices.Concat([]Key{{col("hour", "DateTime('UTC')", codecDelta, "The hour of the rows"), "hour"}}, keys("host", "boot_id", "session", "stream")),
		Measures: []Measure{
			summed("numbers", "", "How many numbers the rows of both tables have"),
			summed("connections", "", "How many numbers the rows of connections have"),
			summed("events", "", "How many numbers the rows of events have"),
			summed("shown", "", "Rows of both tables, each record once"),
			summed("checksum", "", "Sum of a hash of each row's boot, session, stream and number"),
			numbers("lows", "The first number of each range"),
			numbers("highs", "The last number of each range"),
		}, Primary: "hour", Parts: "toYYYYMM(hour)",
	}
}

// promises1h has what the checkpoints of an hour promise: an audit needs those of days around its window.
func promises1h() *Rollup {
	only := func(c Column, from string) Measure {
		return Measure{Column: c, From: from, Merge: "anyIf(%s, fresh = recount)"}
	}
	return &Rollup{
		Name: "promises_1h", Doc: "Which numbers the checkpoints of an hour promise, by session: what an audit counts against",
		Source: "checkpoints", Noted: []string{"losses"}, Unit: oneHour, Every: everyHours, Limit: 3, Edition: 1,
		Keys: slices.Concat([]Key{{col("hour", "DateTime('UTC')", codecDelta, "The hour of the checkpoints"), "toStartOfHour(at)"}}, keys("host", "boot_id", "session"),
			[]Key{{col("streams", "Array(UInt32)", codecPlain, "The streams that these checkpoints name"), "streams"}}),
		Measures: []Measure{
			summed("checkpoints", "count()", "How many checkpoints there are"),
			summed("checksum", "sum(cityHash64(boot_id, session, run, at))", "Sum of a hash of each checkpoint's boot, session, run and time"),
			only(col("least", "Array(UInt64)", codecDelta, "The least next number of each stream"), "minForEach(next_seqs)"),
			only(col("most", "Array(UInt64)", codecDelta, "The largest next number of each stream"), "maxForEach(next_seqs)"),
			only(col("last", "Array(UInt64)", codecDelta, "The next numbers in the last checkpoint"), "argMax(next_seqs, at)"),
			only(col("last_at", typeTime, codecTime, "When the last checkpoint was taken"), "max(at)"),
		}, Primary: "hour", Parts: "toYYYYMM(hour)",
	}
}
