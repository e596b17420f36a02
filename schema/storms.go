// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// StormStep is a table of the finding of storms and the SELECT that makes its rows as of a moment. ClickHouse runs it again and again by
// a refreshable view. Scalars are questions that the SELECT uses by their names, each one value.
type StormStep struct {
	Table   *Table
	Edition int // of its view
	Doc     string
	file    string
	scalars []string
}

// everyStorms is the pause between two refreshes of each step: with that of the rollups a storm is found within two minutes.
const everyStorms = "20 SECOND"

// StormSteps lists the steps, each after those that it reads.
func StormSteps() []StormStep {
	return []StormStep{
		{signals1m(), 1, "Counts what storms are made of in the newest minutes", "signals", []string{"young", "cuts"}},
		{storms(), 2, "Finds storms: what departs from all its pasts", "storms", []string{"going"}},
		{stormFactors(), 1, "Says what recent storms are made of", "factors", []string{"young", "cuts", "recent"}},
	}
}

// FailedConnects is the list, in SQL, of the causes that failed_connects counts: those of a connect() that failed.
const FailedConnects = "('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port')"

// JudgedMinutes is how many of the newest minutes each look judges.
const JudgedMinutes = 15

//go:embed storms/*.sql
var stormFiles embed.FS

// stormTerms are what the braces in the files stand for. A term may have others in it, which come later.
var stormTerms = [][2]string{
	{"{judged}", stormText("judged")},
	{"{pasts}", stormText("pasts")},
	// Each ending counts as its cause, among all endings, and as far as it is one among failed connects, early and late closes.
	{"{of closes}", "arrayFilter(s -> s.2 > 0, [(toString(cause), counted), ('failed_connects', if(cause IN {failed}, counted, 0)), ('early_closes', early), ('late_closes', late)," +
		" ('endings', counted), ('load', if(cause IN {ordinary}, counted, 0))])"},
	{"{is early}", "cause NOT IN {unmade} AND role != 'unknown' AND ifNull({power}, 255) < cuts[{service}].1"},
	{"{is late}", "cause NOT IN {unmade} AND role != 'unknown' AND cuts[{service}].2 > 0 AND ifNull({power}, 0) > cuts[{service}].2"},
	{"{power}", "floor(log2(greatest(duration_us, 1)))"},
	{"{service}", "concat(role, ' ', toString(service_port))"},
	{"{columns}", "toString(host) AS host, toString(service_port) AS port, toString(owner_comm) AS owner," +
		" multiIf(service != '', toString(service), k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), toString(container_id)) AS service, {network} AS peer, stack_id"},
	{"{network}", "replaceOne(concat(toString(IPv6CIDRToRange(remote_ip, if({is v4}, 120, 64)).1), if({is v4}, '/24', '/64')), '::ffff:', '')"},
	{"{is v4}", "startsWith(toString(remote_ip), '::ffff:')"},
	{"{recent buckets}", "arrayDistinct(arrayFlatten(arrayMap(f -> arrayMap(i -> toStartOfFiveMinutes(f.2 - INTERVAL 5 MINUTE) + 300 * i, range(4)), recent)))"},
	// The median, but no less than what the minutes have without the three highest, and one more: rare things have no median.
	{"{expected}", "greatest(toFloat64(middle), (arraySum(arraySlice(arraySort(numbers), 1, greatest(length(numbers) - 3, 1))) + 1) / length(numbers))"},
	{"{spread}", "1.4826 * arrayReduce('quantileExact', arrayMap(n -> abs(toInt64(n) - toInt64(middle)), numbers))"},
	{"{unmade}", "('refused', 'connect_timeout', 'unreachable', 'connect_abandoned', 'no_local_port', 'handshake_failed')"},
	{"{failed}", FailedConnects},
	{"{ordinary}", "('local_close', 'peer_close', 'local_shutdown')"},
	{"{own load}", "('local_close', 'peer_close', 'local_shutdown', 'early_closes', 'late_closes')"},
	{"{kinds}", "('reset_sent', 'reset_received', 'drop')"},
	{"{least watched}", "45"}, // minutes of a past
	{"{deviations}", "6"},     // of which a minute of a day of all kinds has none by chance
	{"{floor}", "3"},          // of a deviation
	{"{near}", "0.15"},        // of the best factor: as good
	{"{least ratio}", "1.5"},  // what differs by less is no storm, however many there are
}

// stormText is a file without its comments. An embedded file can be read.
func stormText(name string) string {
	text, _ := stormFiles.ReadFile("storms/" + name + ".sql")
	return withoutComments(string(text))
}

// Select makes the step's rows as of a moment, an expression that gives seconds or a time.
func (s *StormStep) Select(moment string) string {
	scalars := []string{"toDateTime(" + moment + ", 'UTC') AS moment", "toStartOfMinute(moment) AS newest", fmt.Sprintf("newest - INTERVAL %d MINUTE AS since", JudgedMinutes), "since - INTERVAL 1 HOUR AS before"}
	for _, name := range s.scalars {
		scalars = append(scalars, "(\n"+stormText(name)+"\n) AS "+name)
	}
	text := "WITH " + strings.Join(scalars, ",\n") + "\n" + stormText(s.file)
	for _, term := range stormTerms {
		text = strings.ReplaceAll(text, term[0], term[1])
	}
	return text
}

// ViewName is the name of the view that runs the step.
func (s *StormStep) ViewName() string { return s.Table.Name + "_refresh" }

// View is the refreshable view that runs the step.
func (s *StormStep) View(t Target) View {
	return t.materialized(s.ViewName(), s.Edition, "REFRESH EVERY "+everyStorms+" APPEND TO {db}."+s.Table.Name+"{local}", s.Select("now()"), s.Doc)
}

// Insert runs the step as of a moment.
func (s *StormStep) Insert(t Target, moment string) string {
	return t.render("INSERT INTO {db}." + s.Table.Name + "{local}\n" + s.Select(moment))
}

var (
	keyWhat  = col("what", typeName, "", "A cause, failed_connects, early_closes, late_closes, endings (all of them), or a kind of event")
	keyBegan = col("began", "DateTime('UTC')", codecDelta, "The first minute of the storm")
)

func signals1m() *Table {
	return &Table{
		Name: "signals_1m", Doc: "How many of each kind there were in each minute, as the finding of storms counts them",
		Columns: []Column{
			keyMinute.Column,
			col("what", typeName, "", keyWhat.Doc+"; load is ordinary closes, watched is hosts"),
			col("n", "UInt64", codecNumbers, "How many, with those that a budget skipped"),
			col("judged", "UInt64", codecNumbers, "How many without hosts that were not watched an hour before"), madeAt,
		},
		Engine: "ReplacingMergeTree(made_at)", Order: "(minute, what)", Primary: "minute", Parts: "toYYYYMM(minute)", Setting: durable,
	}
}

func storms() *Table {
	return &Table{
		Name: "storms", Doc: "What departed from all its pasts, from the first minute to the last: one row for each storm",
		Columns: []Column{
			keyWhat, keyBegan,
			col("ended", "DateTime('UTC')", codecDelta, "The end of the last minute that departed; the storm may go on"),
			col("records", "UInt64", codecNumbers, "How many there were, with those that a budget skipped"),
			col("expected", "Float64", codecPlain, "How many were to be expected"),
			col("peak", "UInt64", codecNumbers, "How many in its highest minute"),
			col("minutes", "Map(DateTime('UTC'), UInt64)", codecPlain, "How many in each minute"),
			col("expected_minute", "Float64", codecPlain, "How many a minute were to be expected when it began"),
			col("limit_minute", "Float64", codecPlain, "The number a minute beyond which it departed when it began"),
			col("load_minute", "Float64", codecPlain, "Ordinary closes a minute in the past that it was compared with; 0 if the load does not matter"),
			col("against", typeName, "", "The past that allowed most: hour (before it), days or weeks (around that hour)"),
			col("found_at", "DateTime('UTC')", codecDelta, "When it was found"), madeAt,
		},
		Engine: "ReplacingMergeTree(made_at)", Order: "(began, what)", Parts: "toYear(began)", Setting: durable,
	}
}

func stormFactors() *Table {
	return &Table{
		Name: "storm_factors", Doc: "What each storm is made of in its first ten minutes: kept when the rows age out",
		Columns: []Column{
			keyBegan, keyWhat,
			col("factors", "Array(Tuple(dimension String, value String, records UInt64, share Float64, share_before Float64, explains Float64))", codecPlain,
				"What explains most first: records, their share, the share in the five minutes before, and the share of the excess that they explain"),
			col("as_of", "DateTime('UTC')", codecDelta, "When it was looked at"), madeAt,
		},
		Engine: "ReplacingMergeTree(made_at)", Order: "(began, what)", Parts: "toYear(began)", Setting: durable,
	}
}

// StormsNow is a SELECT of the storms that go on: what departs, and how many more than expected there are so far.
const StormsNow = `SELECT toString(what), max(greatest(records - expected, 0)) FROM {db}.storms{local} FINAL
WHERE ended > now() - INTERVAL 5 MINUTE
GROUP BY what
SETTINGS final = 0`

func stormTables() (out []*Table) {
	for _, s := range StormSteps() {
		out = append(out, s.Table)
	}
	return slices.Clip(out)
}
