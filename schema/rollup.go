// SPDX-License-Identifier: Apache-2.0

package schema

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rollup is a table of sums that ClickHouse computes itself. A refreshable view computes the five minutes, or the hours, that
// got rows since: from all their rows, so that replayed and late rows change nothing but what they say. Nothing is added up, so
// nothing is added twice.
type Rollup struct {
	Name     string
	Doc      string
	Source   string    // the table that is summed up
	Noted    []string  // the sources in touched that say what got rows, beside the rollup's own name
	Unit     string    // the function that gives a time's unit: toStartOfFiveMinutes or toStartOfHour
	Every    string    // the pause between two refreshes
	Limit    int       // units of a refresh
	Edition  int       // of its view
	Keys     []Key     // the first that is a time of Unit names the unit
	Measures []Measure // the first is a count: a unit whose count would shrink keeps what it has
	Order    string    // "" for the keys in their order
	Primary  string
	Parts    string
	Fresh    string // the SELECT that computes the units due; "" for one GROUP BY over Source
}

// Key is a column that a rollup keeps apart, and the expression over its source.
type Key struct {
	Column
	From string
}

// Measure is a column that a rollup sums up. From is the aggregate over the rows of its source, Finish the format of what makes the
// column of it ("" for nothing), Merge the format of the aggregate over cells that are as fresh as their unit is recounted.
type Measure struct {
	Column
	From   string
	Finish string
	Merge  string
}

const (
	// slack covers a note that is seen before its rows: an insert that takes so long.
	slack = "INTERVAL 60 SECOND"
	// chainedSlack covers a refresh of the rollup that is summed up.
	chainedSlack = "INTERVAL 300 SECOND"
	// settled is how long an hour has been over when it is computed first.
	settled = "INTERVAL 62 MINUTE"
	// running are the five minutes that come before a backlog.
	running = "INTERVAL 15 MINUTE"
)

//go:embed rollups/losses.sql
var lossesFile string

//go:embed rollups/numbers.sql
var numbersFile string

var freshLosses, freshNumbers = withoutComments(lossesFile), withoutComments(numbersFile)

func withoutComments(text string) string { return statements(text + ";\n")[0].SQL }

// Table is the rollup's table.
func (r *Rollup) Table() *Table {
	t := &Table{Name: r.Name, Doc: r.Doc, Engine: "ReplacingMergeTree(made_at)", Primary: r.Primary, Order: r.Order, Parts: r.Parts, Setting: projected,
		Projections: []string{"made SELECT " + r.Time() + ", max(made_at) GROUP BY " + r.Time()}}
	for _, k := range r.Keys {
		t.Columns = append(t.Columns, k.Column)
	}
	for _, m := range r.Measures {
		t.Columns = append(t.Columns, m.Column)
	}
	t.Columns = append(t.Columns, madeAt)
	if t.Order == "" {
		t.Order = "(" + r.keyNames() + ")"
	}
	return t
}

func (r *Rollup) keyNames() string {
	var names []string
	for _, k := range r.Keys {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// Time is the column that holds the unit: bucket or hour.
func (r *Rollup) Time() string {
	if r.Unit == oneHour {
		return "hour"
	}
	return "bucket"
}

// Chained is the rollup that this one sums up, nil if it sums up rows.
func (r *Rollup) Chained() *Rollup {
	for _, other := range Rollups() {
		if other.Name == r.Source {
			return other
		}
	}
	return nil
}

// Due is an expression: the units to compute now, as an array. Those that run come first, then those that were computed longest
// ago, so that a backlog holds up nothing and each of it has its turn.
func (r *Rollup) Due() string {
	margin, over := slack, ""
	if r.Chained() != nil {
		margin = chainedSlack
	}
	if r.Unit == oneHour {
		over = " AND unit <= now() - " + settled
	}
	return fmt.Sprintf(`(
    SELECT groupArray(unit) FROM
    (
        %s
        HAVING noted_at > made_at - %s%s
        ORDER BY unit >= now() - %s DESC, made_at, unit
        LIMIT %d
    )
)`, r.notes(""), margin, over, running, r.Limit)
}

// Behind is an expression: the units of [from, to) whose sums may lack rows, as an array. from and to are expressions that begin
// units.
func (r *Rollup) Behind(from, to string) string {
	own := fmt.Sprintf(`(
    SELECT groupArray(unit) FROM
    (
        %s
        HAVING noted_at > made_at - %s
    )
)`, r.notes(" AND bucket >= "+from+" AND bucket < "+to), slack)
	if source := r.Chained(); source != nil {
		return "arrayConcat(" + own + ", arrayMap(b -> " + r.Unit + "(b), " + source.Behind(from, to) + "))"
	}
	return own
}

// Waiting is a SELECT: how many units got rows since they were computed, and the seconds since the oldest of them could be.
func (r *Rollup) Waiting() string {
	ready, over := "noted_at", ""
	if r.Unit == oneHour {
		ready, over = "greatest(noted_at, unit + "+settled+")", " AND unit <= now() - "+settled
	}
	return fmt.Sprintf(`SELECT count(), toInt64(if(count() = 0, 0, greatest(dateDiff('second', min(ready), now()), 0))) FROM
(
    SELECT toDateTime(%s) AS ready FROM
    (
        %s
        HAVING noted_at > made_at%s
    )
)
SETTINGS final = 0`, ready, r.notes(""), over)
}

// ViewName is the name of the view that keeps the rollup.
func (r *Rollup) ViewName() string { return r.Name + "_refresh" }

// sources are the notes that ask for the rollup. A migration that gives it a column writes notes of its own name.
func (r *Rollup) sources() string {
	var quoted []string
	for _, source := range slices.Concat(r.Noted, []string{r.Name}) {
		quoted = append(quoted, Quote(source))
	}
	return strings.Join(quoted, ", ")
}

// made is when each unit of some was computed. The projection of that name answers it: the table's rows are not read.
func (r *Rollup) made(units string) string {
	return fmt.Sprintf("SELECT %[1]s, max(made_at) AS last FROM {db}.%[2]s{local} WHERE %[1]s IN (%[3]s) GROUP BY %[1]s SETTINGS final = 0", r.Time(), r.Name, units)
}

// notes is a SELECT up to its HAVING: when each unit got rows last, and when it was computed last. and narrows what is read of
// touched.
func (r *Rollup) notes(and string) string {
	touched := "FROM {db}.touched{local} WHERE source IN (" + r.sources() + ")" + and
	noted := "SELECT " + r.Unit + "(bucket) AS unit, at AS noted, toDateTime64(0, 3, 'UTC') AS made " + touched
	if source := r.Chained(); source != nil {
		noted = "SELECT " + r.Unit + "(bucket) AS unit, last AS noted, toDateTime64(0, 3, 'UTC') AS made FROM (" + source.made("SELECT bucket "+touched) + ")"
	}
	return fmt.Sprintf(`SELECT unit, max(noted) AS noted_at, max(made) AS made_at FROM
        (
            %s
            UNION ALL
            SELECT %s, toDateTime64(0, 3, 'UTC'), last FROM (%s)
        )
        GROUP BY unit`, noted, r.Time(), r.made("SELECT "+r.Unit+"(bucket) "+touched))
}

// Kept is a condition of Select: a unit whose count would shrink keeps what it has, since its rows may have aged out.
const Kept = "sumIf({count}, fresh) OVER (PARTITION BY {time}) >= sumIf({count}, NOT fresh) OVER (PARTITION BY {time})"

// Select computes the units of due, an expression that gives an array. recount says of a unit whether its rows count, Kept or
// true; else it keeps what the rollup has. A cell that its unit has no more becomes 0.
func (r *Rollup) Select(due, recount string) string {
	var names, own, outer []string
	for _, k := range r.Keys {
		names = append(names, k.Name)
		own = append(own, k.Name)
	}
	for _, m := range r.Measures {
		own = append(own, m.Name)
		outer = append(outer, fmt.Sprintf(m.Merge, m.Name)+" AS "+m.Name)
	}
	recount = strings.NewReplacer("{count}", r.Measures[0].Name, "{time}", r.Time()).Replace(recount)
	return fmt.Sprintf(`WITH %s AS due
SELECT %s,
    %s,
    now64(3, 'UTC') AS made_at
FROM
(
    SELECT *, %s AS recount
    FROM
    (
        SELECT %s, true AS fresh
        FROM
        (
            %s
        )
        UNION ALL
        SELECT %[5]s, false AS fresh
        FROM {db}.%[7]s{local} FINAL
        WHERE %[8]s IN (SELECT arrayJoin(due)) AND %[9]s > 0
    )
)
GROUP BY %[2]s
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1`, due, strings.Join(names, ", "), strings.Join(outer, ",\n    "), recount,
		strings.Join(own, ", "), r.fresh(), r.Name, r.Time(), r.Measures[0].Name)
}

// fresh computes the units from their rows.
func (r *Rollup) fresh() string {
	if r.Fresh != "" {
		return r.Fresh
	}
	return strings.ReplaceAll(r.Cells(r.Source+"{local} FINAL", r.sourceTime()+" IN (SELECT "+r.sourceDue()+")"), "\n", "\n            ")
}

// Cells is a SELECT that sums up the rows of a table, by the keys of the rollup, that meet a condition.
func (r *Rollup) Cells(table, where string) string {
	var columns []string
	for _, k := range r.Keys {
		if k.From == k.Name {
			columns = append(columns, k.Name)
		} else {
			columns = append(columns, k.From+" AS "+k.Name)
		}
	}
	finished := []string{r.keyNames()}
	for _, m := range r.Measures {
		if m.Finish == "" {
			columns, finished = append(columns, m.From+" AS "+m.Name), append(finished, m.Name)
		} else {
			columns, finished = append(columns, m.From+" AS all_"+m.Name), append(finished, fmt.Sprintf(m.Finish, "all_"+m.Name)+" AS "+m.Name)
		}
	}
	return fmt.Sprintf("SELECT %s FROM\n(\n    SELECT %s\n    FROM {db}.%s\n    WHERE %s\n    GROUP BY ALL\n)",
		strings.Join(finished, ", "), strings.Join(columns, ", "), table, where)
}

// Length is the unit's.
func (r *Rollup) Length() time.Duration {
	if r.Unit == oneHour {
		return time.Hour
	}
	return 5 * time.Minute
}

// SourceTable is the table that is summed up, or the one with most of its rows.
func (r *Rollup) SourceTable() string {
	if r.Source == "losses" {
		return "checkpoints"
	}
	return r.Source
}

// SourceTime is the column of SourceTable that says when a row belongs to.
func (r *Rollup) SourceTime() string {
	switch r.SourceTable() {
	case "connections":
		return "closed_at"
	case "events", "checkpoints":
		return "at"
	}
	return "bucket"
}

// sourceTime is the expression over the source that its primary key begins with.
func (r *Rollup) sourceTime() string {
	switch r.Source {
	case "connections":
		return "toStartOfFiveMinutes(closed_at)"
	case "events":
		return "toStartOfFiveMinutes(at)"
	case "checkpoints":
		return "toStartOfHour(at)"
	}
	return "bucket"
}

// sourceDue are the five minutes of the units that are due.
func (r *Rollup) sourceDue() string {
	if r.Unit == oneHour {
		return "arrayJoin(due) + 300 * arrayJoin(range(12))"
	}
	return "arrayJoin(due)"
}

// View is the refreshable view that keeps the rollup.
func (r *Rollup) View(t Target) View {
	return t.materialized(r.ViewName(), r.Edition, "REFRESH EVERY "+r.Every+" APPEND TO {db}."+r.Name+"{local}", r.Select(r.Due(), Kept),
		"Computes "+r.Name+" where "+strings.Join(r.Noted, " or ")+" got rows")
}

// Rebuild is an INSERT that computes units anew: their first times, at most a few hundred, in order. shrink lets a unit's count
// become less than the rollup has.
func (r *Rollup) Rebuild(t Target, units []string, shrink bool) string {
	recount := Kept
	if shrink {
		recount = "true"
	}
	due := "[" + strings.Join(units, ", ") + "]::Array(DateTime('UTC'))"
	return t.render("INSERT INTO {db}." + r.Name + "{local}\n" + r.Select(due, recount))
}
