// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"slices"
	"time"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query/logs"
)

// maxSaid bounds a log line in a table.
const maxSaid = 100

// logLines are the errors in business logs beside the connections that they speak of.
func logLines(ctx context.Context, a *asked) (report.Section, error) {
	source, err := logs.Open(ctx, a.client, a.Logs)
	if err != nil {
		return report.Section{}, err
	}
	var out report.Section
	if source.Absent != "" {
		out.Notes = []string{source.Absent}
	}
	if !source.Found() {
		return out, nil
	}
	rows, err := source.Behind(ctx, a.Window, logs.Filter{Host: a.Filter.Host, Errors: true}, logs.DefaultReach, a.Top)
	var many *logs.TooManyError
	if errors.As(err, &many) {
		out.Notes = append(out.Notes, many.Error())
		return out, nil
	}
	out.Data = rows
	if len(rows) == 0 {
		out.Notes = append(out.Notes, "no error in the logs of this window")
		return out, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("at", "service", "said", "matched by"), report.Numbers("candidates"), report.Words("off", "ended on", "cause"))}
	for i := range rows {
		m := &rows[i]
		t.Rows = append(t.Rows, []string{a.show(m.At), m.Service, text.Line(m.Body, maxSaid), m.How, dot(m.Candidates), off(m), m.Ending.Host, m.Cause})
	}
	out.Tables = []report.Table{t}
	out.Notes = append(out.Notes, "the first errors of the window, each beside the ending that it speaks of; of several candidates it is the nearest, and none is chosen: tcpledger logs, tcpledger explain")
	return out, err
}

// off says how far a line is from its ending or its connection's life.
func off(m *logs.Match) string {
	us := m.OffUS
	switch {
	case m.Candidates == 0:
		return ""
	case us < 0:
		return text.Duration(time.Duration(-us)*time.Microsecond) + " before"
	case us > 0:
		return text.Duration(time.Duration(us)*time.Microsecond) + " after"
	}
	return "during"
}
