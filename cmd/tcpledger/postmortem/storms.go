// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// storms are what departed from its own past in the window, on all hosts: whatever the report is narrowed to.
func storms(ctx context.Context, a *asked) (report.Section, error) {
	found, err := a.client.Storms(ctx, a.Window)
	if err != nil || len(found) == 0 {
		return report.Section{Data: found, Notes: []string{"none"}}, err
	}
	t := report.Table{Columns: slices.Concat(report.Words("began", "ended", "departed"), report.Numbers("count", "expected"), report.Words("mostly"))}
	for i := range found {
		s := &found[i]
		ended := a.show(s.Ended)
		if !s.Over {
			ended = "goes on"
		}
		var names []string
		for _, d := range s.Departed {
			names = append(names, d.What)
		}
		t.Rows = append(t.Rows, []string{a.show(s.Began), ended, strings.Join(names, ", "), text.Count(s.Records), text.Count(uint64(math.Round(s.Expected))), mostly(s.Factors)})
	}
	return report.Section{Data: found, Tables: []report.Table{t}}, nil
}

// findPast makes the past of the window's largest storm what the window is compared with, if that is asked for.
func (s *Scope) findPast(ctx context.Context, client *query.Client) error {
	if !s.OfStorm {
		return nil
	}
	found, err := client.Storms(ctx, s.Window)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("--against storm: no storm touches the window, so none has a past to compare with")
	}
	past := found[0].Past()
	s.Against = &past
	return nil
}

// maxMostly bounds the factors of a storm in the table.
const maxMostly = 3

// mostly names the factors that explain most of a storm, with the share of it that they explain.
func mostly(factors []query.Factor) string {
	var out []string
	for _, f := range factors[:min(maxMostly, len(factors))] {
		value := f.Value
		if len(f.Frames) > 0 {
			value = f.Frames[0]
		}
		out = append(out, fmt.Sprintf("%s %s %.0f%%", f.Dimension, value, 100*f.Explains))
	}
	return strings.Join(out, ", ")
}
