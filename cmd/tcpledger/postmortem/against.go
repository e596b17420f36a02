// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// Change is what a window has more of than the one it is held against. What says of which things the key is.
type Change struct {
	What string `json:"what"`
	Name string `json:"name"`
	query.Change
}

// compared are the things that two windows are compared by, beside code paths.
var compared = []struct {
	what string
	by   []query.Dimension
}{
	{"cause", []query.Dimension{query.Cause, query.Initiator}},
	{"owner", []query.Dimension{query.Cause, query.Owner, query.Service}},
	{"service", []query.Dimension{query.Cause, query.ServicePort, query.Role}},
	{"host", []query.Dimension{query.Cause, query.Host}},
	{"remote", []query.Dimension{query.Cause, query.RemoteIP, query.ServicePort}},
}

// against compares the window with the one that --against asks for. It is in no report that was not asked for it.
func against(ctx context.Context, a *asked) []report.Section {
	if a.Against == nil {
		return nil
	}
	out := report.Section{Name: "new", Title: "New against " + a.window(*a.Against)}
	rows, more, err := a.changes(ctx)
	out.Data, out.Err = rows, err
	out.Gone = errors.As(err, new(*query.AgedError))
	t := report.Table{Columns: slices.Concat(report.Words("what", "which"), report.Numbers("endings", "expected", "times")), More: more}
	for i := range rows {
		r := &rows[i]
		expected, times := "none", "new"
		if !r.New {
			expected, times = text.Count(uint64(r.Expected+0.5)), fmt.Sprintf("%.1f", float64(r.Endings)/r.Expected)
		}
		t.Rows = append(t.Rows, []string{r.What, r.Name, text.Count(r.Endings), expected, times})
	}
	if len(rows) > 0 {
		out.Tables = []report.Table{t}
	} else if err == nil {
		out.Notes = []string{"nothing: no cause, owner, service, host, remote or code path ended twice as often"}
	}
	return []report.Section{out}
}

// changes asks for what grew by each of the things compared.
func (a *asked) changes(ctx context.Context) (rows []Change, more uint64, err error) {
	for _, c := range compared {
		changes, grown, err := a.client.Against(ctx, a.Window, *a.Against, a.Filter, a.Top, c.by...)
		if err != nil {
			return nil, 0, err
		}
		for _, change := range changes {
			rows = append(rows, Change{c.what, changeName(c.what, change.Key), change})
		}
		more += uint64(grown - len(changes))
	}
	changes, grown, err := a.client.PathsAgainst(ctx, a.Window, *a.Against, a.Filter, a.Top)
	if err != nil {
		return nil, 0, err
	}
	names, err := a.pathNames(ctx, changes)
	for i, change := range changes {
		rows = append(rows, Change{"code path", names[i], change})
	}
	return rows, more + uint64(grown-len(changes)), err
}

func changeName(what string, key []string) string {
	switch what {
	case "service":
		port, err := strconv.ParseUint(key[1], 10, 16)
		if err != nil {
			break
		}
		s := Service{Port: uint16(port), Role: key[2]}
		return key[0] + ": " + s.String()
	case "remote":
		return key[0] + ": " + query.PlainIP(key[1]) + " on " + key[2]
	case "cause":
		return key[0] + ", first: " + key[1]
	}
	names := slices.DeleteFunc(slices.Clone(key[1:]), func(s string) bool { return s == "" })
	if len(names) == 0 {
		names = []string{"(unknown)"}
	}
	return key[0] + ": " + join(names)
}

// pathNames gives the functions of the paths that changed.
func (a *asked) pathNames(ctx context.Context, changes []query.Change) ([]string, error) {
	paths := make([]query.Path, len(changes))
	var stacks []uint64
	for i, c := range changes {
		paths[i].StackID, _ = strconv.ParseUint(c.Key[1], 10, 64)
		stacks = append(stacks, paths[i].StackID)
	}
	symbols, err := a.client.Symbols(ctx, stacks)
	names := make([]string, len(changes))
	for i := range paths {
		paths[i].Symbols = symbols[paths[i].StackID]
		names[i] = innermost(&paths[i])
	}
	return names, err
}
