// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tcpledger/schema"
)

// Question is one question as it is sent: SQL with ClickHouse's own {name:Type} parameters. Values that come from outside are
// always parameters, never part of the SQL.
type Question struct {
	Name       string
	SQL        string
	Parameters map[string]string
}

// Text is the question in a form that clickhouse-client takes: the parameters, the statement, and the settings that give FINAL
// semantics.
func (q Question) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n", q.Name)
	for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
		fmt.Fprintf(&b, "SET param_%s = %s;\n", name, schema.Quote(q.Parameters[name]))
	}
	b.WriteString(q.SQL)
	b.WriteString("\nSETTINGS ")
	for _, s := range schema.FinalSettings() {
		fmt.Fprintf(&b, "%s = %d, ", s.Name, s.Value)
	}
	fmt.Fprintf(&b, "session_timezone = '%s';\n", timezone)
	return b.String()
}

var tableOf = regexp.MustCompile("`[^`]+`\\.(\\w+)")

// Tables lists the tables and views that the question reads, by name.
func (q Question) Tables() []string {
	var names []string
	for _, found := range tableOf.FindAllStringSubmatch(q.SQL, -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type traceKey struct{}

// WithTrace returns a context in which each question is given to trace just before it is sent.
func WithTrace(ctx context.Context, trace func(Question)) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

func traced(ctx context.Context, q Question) {
	if trace, ok := ctx.Value(traceKey{}).(func(Question)); ok {
		trace(q)
	}
}
