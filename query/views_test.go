// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
)

// view asks a view of a script: its name, from and to, then its other parameters, a name and a value each. Every cell is text.
func (b *bench) view(t *testing.T, words []string) (header string, out rows, err error) {
	t.Helper()
	require.GreaterOrEqual(t, len(words), 5, "want view NAME from TIME to TIME")
	w, err := query.ParseWindow(words[2], words[4], evening)
	require.NoError(t, err)
	call := fmt.Sprintf("%s.%s(from = '%s', to = '%s'", b.database, words[0], w.From.Format("2006-01-02 15:04:05"), w.To.Format("2006-01-02 15:04:05"))
	for i := 5; i+1 < len(words); i += 2 {
		call += ", " + words[i] + " = " + schema.Quote(words[i+1])
	}
	names, _, err := b.strings(t, "SELECT * FROM "+call+") LIMIT 0")
	if err != nil {
		return "", nil, err
	}
	_, answer, err := b.strings(t, "SELECT * APPLY(x -> ifNull(toString(x), 'NULL')) FROM "+call+")")
	for _, cells := range answer {
		row := map[string]string{}
		for i, name := range names {
			row[name] = strings.TrimSuffix(strings.TrimPrefix(cells[i], evening.Format("2006-01-02 ")), ".000000")
		}
		out = append(out, row)
	}
	return strings.Join(names, ", "), out, err
}

// strings asks a question whose columns are texts.
func (b *bench) strings(t *testing.T, sql string) (names []string, answer [][]string, err error) {
	t.Helper()
	found, err := b.db.Query(t.Context(), sql)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, found.Close()) }()
	for found.Next() {
		cells := make([]string, len(found.Columns()))
		into := make([]any, len(cells))
		for i := range cells {
			into[i] = &cells[i]
		}
		require.NoError(t, found.Scan(into...), sql)
		answer = append(answer, cells)
	}
	return found.Columns(), answer, found.Err()
}

// questionViews are the views that people ask about a window.
func questionViews(t *testing.T) []string {
	t.Helper()
	views, err := schema.Views(schema.Target{Database: schema.Database})
	require.NoError(t, err)
	var names []string
	for _, v := range views {
		if strings.HasPrefix(v.Name, "q_") {
			names = append(names, v.Name)
		}
	}
	require.GreaterOrEqual(t, len(names), 20)
	return names
}

func TestEveryViewHasAScript(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.test")
	require.NoError(t, err)
	var all strings.Builder
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all.Write(text)
	}
	for _, name := range questionViews(t) {
		require.Contains(t, all.String(), "ask view "+name+" ")
	}
}

// parameters are what views take beside the window.
var parameters = map[string]string{
	"q_short_connections": ", shorter_than_ms = 100",
	"q_idle_connections":  ", idle_s = 1",
	"q_tuple_history":     ", ip = '10.0.0.7', port = 1007",
	"q_remote_address":    ", ip = '10.0.0.7'",
}

// Five minutes of a day are found by the primary key: every view reads a small part of its tables, not the day.
func TestViewsReadTheirWindow(t *testing.T) {
	b := newBench(t, startEngine(t), "pruned")
	const many = 400_000
	columns := "host, session, stream, seq, conn, remote_ip, remote_port, stack_id, weight, received_at"
	values := fmt.Sprintf("concat('h', toString(number %% 8)), 1, 0, number, number, toIPv4(167772160 + number %% 50), 1000 + number %% 50, number %% 5, 1, now64(6) FROM numbers(%d)", many)
	moment := fmt.Sprintf("toDateTime64('2026-11-02 00:00:00', 6, 'UTC') + toIntervalMicrosecond(number * 86400000000 / %d)", many)
	for _, insert := range []string{
		"INSERT INTO pruned.connections (closed_at, cause, connect_us, duration_us, retransmits, bytes_unread, " + columns + ") SELECT " + moment + ", 'refused', 10, 20, 1, 1, " + values,
		"INSERT INTO pruned.events (at, kind, " + columns + ") SELECT " + moment + ", ['drop', 'error', 'lingering', 'reset_sent'][number % 4 + 1], " + values,
	} {
		require.NoError(t, b.db.Exec(t.Context(), insert))
	}
	for _, name := range questionViews(t) {
		t.Run(name, func(t *testing.T) {
			_, plan, err := b.strings(t, "EXPLAIN indexes = 1 SELECT * FROM pruned."+name+"(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00'"+parameters[name]+")")
			require.NoError(t, err)
			reads := granules(t, plan)
			require.NotEmpty(t, reads, "%v", plan)
			for _, r := range reads {
				require.GreaterOrEqual(t, r.of, 45, "the table is too small to show anything")
				require.LessOrEqual(t, r.read, 4, "%v", plan)
			}
		})
	}
}

// An address with its port is found by the index of ends in a window of any length: also as the other side of a translation sees it.
func TestAnEndIsFoundByItsIndex(t *testing.T) {
	b := newBench(t, startEngine(t), "ends")
	moment := "toDateTime64('2026-11-02 00:00:00', 6, 'UTC') + toIntervalMicrosecond(number * 86400000000 / 400000)"
	for _, insert := range []string{
		"INSERT INTO ends.connections (received_at, closed_at, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, nat_local_ip, nat_local_port, nat_remote_ip, nat_remote_port) SELECT now64(6), " + moment +
			", 'h', 1, 0, number, number, '10.0.0.1', 443, '192.0.2.1', 10000 + number % 50000, if(number = 123456, '198.51.100.7', NULL), if(number = 123456, 4242, NULL), if(number = 123456, '192.0.2.1', NULL), if(number = 123456, 10000, NULL) FROM numbers(400000)",
		"INSERT INTO ends.events (received_at, at, host, session, stream, seq, conn, kind, local_ip, local_port, remote_ip, remote_port) SELECT now64(6), " + moment +
			", 'h', 1, 0, 400000 + number, number, 'drop', '10.0.0.1', 443, if(number = 200000, '203.0.113.5', '192.0.2.1'), if(number = 200000, 77, 10000 + number % 50000) FROM numbers(400000)",
	} {
		require.NoError(t, b.db.Exec(t.Context(), insert))
	}
	for end, conns := range map[string]string{
		"ip = '198.51.100.7', port = 4242": "123456",
		"ip = '203.0.113.5', port = 77":    "200000",
		"ip = '203.0.113.5', port = 78":    "",
		"ip = '192.0.2.1', port = 9999":    "",
	} {
		t.Run(end, func(t *testing.T) {
			sql := "SELECT toString(conn) FROM ends.q_tuple_history(from = '2026-11-02 00:00:00', to = '2026-11-03 00:00:00', " + end + ")"
			_, found, err := b.strings(t, sql)
			require.NoError(t, err)
			require.Equal(t, conns, strings.Join(slices.Concat(found...), " "))
			_, plan, err := b.strings(t, "EXPLAIN indexes = 1 "+sql)
			require.NoError(t, err)
			text := strings.Join(slices.Concat(plan...), "\n")
			used := regexp.MustCompile(`Name: ends\n.*\n.*\n\s*Granules: ([0-9]+)/[0-9]+`).FindAllStringSubmatch(text, -1)
			require.NotEmpty(t, used, "%s", text)
			for _, u := range used {
				left, err := strconv.Atoi(u[1])
				require.NoError(t, err)
				require.Less(t, left, 10, "of fifty: %s", text)
			}
		})
	}
}

// granuleCount is what the primary key of one table leaves to be read.
type granuleCount struct{ read, of int }

// granules are those that the primary key leaves of connections and events, one count for each time they are read.
func granules(t *testing.T, plan [][]string) []granuleCount {
	t.Helper()
	var out []granuleCount
	ours, primary := false, false
	for _, line := range slices.Concat(plan...) {
		line = strings.TrimLeft(line, " │├└─")
		switch {
		case strings.HasPrefix(line, "ReadFromMergeTree"):
			ours = strings.Contains(line, "pruned.connections") || strings.Contains(line, "pruned.events")
		case line == "PrimaryKey", line == "Min-Max", line == "MinMax", line == "Partition", line == "Skip":
			primary = line == "PrimaryKey"
		case ours && primary && strings.HasPrefix(line, "Granules: "):
			var c granuleCount
			_, err := fmt.Sscanf(line, "Granules: %d/%d", &c.read, &c.of)
			require.NoError(t, err, line)
			out = append(out, c)
		}
	}
	return out
}

// The views name a function as schema.Function does, in SQL.
func TestFunctionsOfTheViews(t *testing.T) {
	b := newBench(t, startEngine(t), "functions")
	symbols := []string{"tcp_reset", "tcp_reset+0x1f", "tcp_v4_rcv.isra.0+0x2", "tcp_done.constprop.0.isra.0+0x2", "a.part.3", "b.cold", "b.cold+0x1",
		"c.llvm.1234567+0x9", "d.lto_priv.0", "e.coldish", "+0x1", ".cold", "x+y+0x3", "0xffffffff81a00001", "f.warm.1+0x2", ""}
	var quoted, want []string
	for _, s := range symbols {
		quoted = append(quoted, schema.Quote(s))
		want = append([]string{schema.Function(s)}, want...)
	}
	require.NoError(t, b.db.Exec(t.Context(), "INSERT INTO functions.stacks (stack_id, symbols, received_at) VALUES (7, ["+strings.Join(quoted, ", ")+"], now64(6))"))
	require.NoError(t, b.db.Exec(t.Context(), "INSERT INTO functions.connections (closed_at, stack_id, received_at) VALUES ('2026-11-02 14:01:00', 7, now64(6))"))
	for _, name := range []string{"q_folded_stacks", "q_flame_graph"} {
		_, folded, err := b.strings(t, "SELECT folded FROM functions."+name+"(from = '2026-11-02 14:00:00', to = '2026-11-02 14:05:00')")
		require.NoError(t, err)
		require.Equal(t, [][]string{{strings.Join(want, ";") + " 1"}}, folded, name)
	}
}
