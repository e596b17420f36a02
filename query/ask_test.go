// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/query"
	"tcpledger/query/when"
	"tcpledger/schema"
	"tcpledger/test/tables"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func startEngine(t *testing.T) string {
	t.Helper()
	addr, _ := clickhousetest.Start(t)
	return addr
}

// evening is now in every script: the end of the day that a time without a date belongs to.
var evening = time.Date(2026, 11, 2, 20, 0, 0, 0, time.UTC)

// bench is the database of scripts.
type bench struct {
	db       driver.Conn
	database string
	client   *query.Client
}

func newBench(t *testing.T, engine, database string) *bench {
	t.Helper()
	_, db := tables.Make(t, engine, database)
	require.NoError(t, db.Exec(t.Context(), "ALTER TABLE "+database+".dead_letters REMOVE TTL")) // scripts say when one arrived
	require.NoError(t, db.Exec(t.Context(), "SYSTEM STOP VIEWS"))                                // scripts ask the rows
	return &bench{db, database, query.New(db, database, time.Minute)}
}

func (b *bench) run(t *testing.T, s step) {
	t.Helper()
	if s.verb == "load" {
		b.load(t, s)
		return
	}
	header, rows, err := b.ask(t, s)
	if s.want != "rows" && s.want != "nothing" {
		require.ErrorContains(t, err, s.want, "line %d", s.line)
		return
	}
	require.NoError(t, err, "line %d", s.line)
	if s.want == "nothing" {
		require.Empty(t, rows, "line %d", s.line)
		return
	}
	var got [][]string
	for _, row := range rows {
		var cells []string
		for _, name := range s.header {
			cell, ok := row[name]
			require.True(t, ok, "line %d: the answer has no %q; it has %s", s.line, name, header)
			cells = append(cells, cell)
		}
		got = append(got, cells)
	}
	require.Equal(t, s.rows, got, "line %d: ask %s", s.line, strings.Join(s.words, " "))
}

// ask asks a question of Client, or a view.
func (b *bench) ask(t *testing.T, s step) (header string, answer rows, err error) {
	t.Helper()
	if s.words[0] == "view" {
		return b.view(t, s.words[1:])
	}
	a, err := readAsk(s.words)
	require.NoError(t, err, "line %d", s.line)
	return questions[a.name](t.Context(), b.client, a)
}

// load inserts rows. Columns that are not named have their defaults, and every row was received now, unless it was made.
func (b *bench) load(t *testing.T, s step) {
	t.Helper()
	names := s.header
	if !slices.Contains(names, "received_at") && !slices.Contains(names, "made_at") {
		names = append(slices.Clone(names), "received_at")
	}
	var values []string
	for _, row := range s.rows {
		cells := make([]string, 0, len(names))
		for _, cell := range row {
			cells = append(cells, literal(cell))
		}
		if len(cells) < len(names) {
			cells = append(cells, "now64(6)")
		}
		values = append(values, "("+strings.Join(cells, ", ")+")")
	}
	statement := fmt.Sprintf("INSERT INTO %s.%s (`%s`) VALUES %s", b.database, s.words[0], strings.Join(names, "`, `"), strings.Join(values, ", "))
	require.NoError(t, b.db.Exec(t.Context(), statement), "line %d", s.line)
}

// clear empties the tables that steps filled, and the notes of what they inserted.
func (b *bench) clear(t *testing.T, steps []step) {
	t.Helper()
	filled := []string{"touched"}
	for _, s := range steps {
		if s.verb == "load" {
			filled = append(filled, s.words[0])
		}
	}
	slices.Sort(filled)
	for _, table := range slices.Compact(filled) {
		require.NoError(t, b.db.Exec(t.Context(), "TRUNCATE TABLE "+b.database+"."+table))
	}
}

// literal writes a cell as a value of any column: NULL, text, or a time of the scripts' day.
func literal(cell string) string {
	if cell == "NULL" {
		return cell
	}
	if _, err := time.Parse("15:04:05", cell); err == nil {
		cell = evening.Format(time.DateOnly) + " " + cell
	}
	return schema.Quote(cell)
}

// ask is what a script asks for.
type ask struct {
	name   string
	by     []query.Dimension
	window query.Window
	filter query.Filter
	top    int
	slot   int
	around int
}

// options are the words of an ask that have a value after them.
var options = []string{"from", "to", "host", "remote", "cause", "kind", "top", "slot", "around"}

func readAsk(words []string) (ask, error) {
	a := ask{name: words[0], top: 100, slot: 60, around: 600}
	if questions[a.name] == nil {
		return a, fmt.Errorf("no question %q: one of %s", a.name, strings.Join(questionNames(), ", "))
	}
	given := map[string]string{}
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "letters":
		case word == "by":
			for more := true; more && i+1 < len(words); {
				i++
				name, comma := strings.CutSuffix(words[i], ",")
				a.by, more = append(a.by, query.Dimension(name)), comma
			}
		case slices.Contains(options, word) && i+1 < len(words):
			i++
			given[word] = words[i]
		default:
			return a, fmt.Errorf("%q: want by, or one of %s with a value", word, strings.Join(options, ", "))
		}
	}
	a.filter = query.Filter{Host: given["host"], Cause: given["cause"], Kind: given["kind"]}
	var err error
	if a.filter.Remote, err = query.ParseRemote(given["remote"]); err != nil {
		return a, err
	}
	for name, number := range map[string]*int{"top": &a.top, "slot": &a.slot, "around": &a.around} {
		if text, ok := given[name]; ok {
			if *number, err = strconv.Atoi(text); err != nil {
				return a, err
			}
		}
	}
	a.window, err = query.ParseWindow(given["from"], given["to"], evening)
	return a, err
}

// rows are an answer: the value of each name, row by row.
type rows []map[string]string

type question func(context.Context, *query.Client, ask) (header string, answer rows, err error)

// questions are what a script may ask, by the first word.
var questions = map[string]question{
	"totals": one(func(ctx context.Context, c *query.Client, a ask) (query.Totals, error) {
		return c.Totals(ctx, a.window, a.filter)
	}),
	"endings": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Group, error) {
		return c.Endings(ctx, a.window, a.filter, a.top, a.by...)
	}),
	"latest": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Ending, error) {
		return c.Latest(ctx, a.window, a.filter, a.top)
	}),
	"rates": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Rate, error) {
		return c.Rates(ctx, a.window, a.filter, a.slot)
	}),
	"paths": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Path, error) {
		return c.Paths(ctx, a.window, a.filter, a.top)
	}),
	"events": many(func(ctx context.Context, c *query.Client, a ask) ([]query.EventGroup, error) {
		return c.Events(ctx, a.window, a.filter, a.top, a.by...)
	}),
	"failed": many(func(ctx context.Context, c *query.Client, a ask) ([]query.FailedConnects, error) {
		return c.FailedConnects(ctx, a.window, a.filter, a.top)
	}),
	"lingering": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Lingering, error) {
		return c.Lingering(ctx, a.window, a.filter, a.top)
	}),
	"before": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Before, error) {
		return c.BeforeEnd(ctx, a.window, a.filter, a.top)
	}),
	"resent":   many(resent),
	"droppers": many(droppers),
	"resentof": many(resentOf),
	"lossy": many(func(ctx context.Context, c *query.Client, a ask) ([]query.EndingsWithLoss, error) {
		return c.EndingsWithLoss(ctx, a.window, a.filter, a.top)
	}),
	"doubts": one(func(ctx context.Context, c *query.Client, a ask) (query.Doubts, error) {
		return c.Doubts(ctx, a.window, a.filter)
	}),
	"against": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Change, error) {
		past := query.Window{From: a.window.From.Add(-a.window.Length()), To: a.window.From}
		if len(a.by) == 0 {
			changes, _, err := c.PathsAgainst(ctx, a.window, past, a.filter, a.top)
			return changes, err
		}
		changes, _, err := c.Against(ctx, a.window, past, a.filter, a.top, a.by...)
		return changes, err
	}),
	"ends":     many(ends),
	"endsof":   many(endsOf),
	"between":  many(between),
	"verdicts": many(verdicts),
	"losses":   many(explained),
	"coverage": many(covered),
	"shared": many(func(ctx context.Context, c *query.Client, a ask) ([]query.SharedName, error) {
		return c.SharedNames(ctx, a.window, a.filter)
	}),
	"gaps":       many(gaps),
	"dead":       many(letters),
	"proof":      many(proven),
	"arrived":    one(arrived),
	"storms":     many(storms),
	"departures": many(departures),
	"audit": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Audited, error) {
		audit, err := audited(ctx, c, a)
		return audit.Sessions, err
	}),
	"findings": many(func(ctx context.Context, c *query.Client, a ask) ([]query.Finding, error) {
		audit, err := audited(ctx, c, a)
		return audit.Findings, err
	}),
}

// audited audits an hour after the rows were stored.
func audited(ctx context.Context, c *query.Client, a ask) (*query.Audit, error) {
	audit, err := c.Audit(ctx, a.window, a.filter, query.AuditOptions{Now: time.Now().Add(time.Hour)})
	if err != nil {
		return &query.Audit{}, err
	}
	return audit, nil
}

type explainedLoss struct {
	query.Loss
	Meaning string `ch:"meaning"`
}

func explained(ctx context.Context, c *query.Client, a ask) ([]explainedLoss, error) {
	losses, err := c.Losses(ctx, a.window, a.filter)
	var out []explainedLoss
	for _, l := range losses {
		meaning, _ := l.Explain()
		out = append(out, explainedLoss{l, meaning.String()})
	}
	return out, err
}

type gap struct {
	Host string    `ch:"host"`
	From time.Time `ch:"from"`
	To   time.Time `ch:"to"`
}

func covered(ctx context.Context, c *query.Client, a ask) ([]query.Coverage, error) {
	shared, err := c.SharedNames(ctx, a.window, a.filter)
	if err != nil {
		return nil, err
	}
	return c.Coverage(ctx, a.window, a.filter, shared)
}

func gaps(ctx context.Context, c *query.Client, a ask) ([]gap, error) {
	hosts, err := covered(ctx, c, a)
	var out []gap
	for _, host := range hosts {
		for _, w := range host.Gaps(a.window) {
			out = append(out, gap{host.Name(), w.From, w.To})
		}
	}
	return out, err
}

func letters(ctx context.Context, c *query.Client, a ask) ([]query.DeadLetter, error) {
	var out []query.DeadLetter
	for letter, err := range c.DeadLetters(ctx, a.window, a.filter) {
		if err != nil {
			return nil, err
		}
		out = append(out, *letter)
	}
	return out, nil
}

type proof struct {
	query.Proof
	Complete bool `ch:"complete"`
}

func proven(ctx context.Context, c *query.Client, a ask) ([]proof, error) {
	sessions, err := c.Proof(ctx, a.window, a.filter)
	var out []proof
	for _, s := range sessions {
		out = append(out, proof{s, s.Complete()})
	}
	return out, err
}

type arrival struct {
	Arrived bool `ch:"arrived"`
}

// arrived takes the beginning of the window.
func arrived(ctx context.Context, c *query.Client, a ask) (arrival, error) {
	yes, err := c.Arrived(ctx, a.window.From)
	return arrival{yes}, err
}

func TestReadAsk(t *testing.T) {
	a, err := readAsk([]string{"endings", "by", "cause,", "host", "from", "14:00", "to", "14:05", "host", "web 1"})
	require.NoError(t, err)
	require.Equal(t, "2026-11-02 14:00:00 UTC", when.Show(a.window.From))
	require.Equal(t, []query.Dimension{query.Cause, query.Host}, a.by)
	require.Equal(t, "web 1", a.filter.Host)
	for _, bad := range [][]string{{"nothing"}, {"totals", "frm", "14:00"}, {"totals", "from"}, {"totals", "top", "x"}, {"totals", "remote", "x"}, {"totals", "from", "25:00"}} {
		_, err := readAsk(bad)
		require.Error(t, err, bad)
	}
}
