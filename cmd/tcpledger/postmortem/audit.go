// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"slices"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// Audit says whether the tables hold all that the checkpoints of the window promise.
type Audit struct {
	Verdict  query.Verdict   `json:"verdict"`
	Numbers  query.Numbers   `json:"numbers"`
	Findings []query.Finding `json:"findings"`
}

func audit(ctx context.Context, a *asked) (*Audit, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	found, err := a.client.Audit(ctx, a.Window, query.Filter{Host: a.Filter.Host}, query.AuditOptions{Now: a.Now})
	if err != nil {
		return nil, err
	}
	return &Audit{Verdict: found.Verdict, Numbers: found.Total, Findings: append([]query.Finding{}, found.Findings...)}, nil
}

// maxFindings is as many findings as a person reads.
const maxFindings = 10

// ends are the findings that the coverage of the hosts says too.
var ends = []string{"agent ended", "silent", "not yet known", "dead agent", "dead host", "no checkpoint"}

// auditSection has what the audit found. An end of a session is written for people only if the coverage does not say it.
func auditSection(c *coverage, a *Audit, err error) report.Section {
	out := report.Section{Name: "audit", Title: "Audit", Data: a, Err: err}
	if err != nil {
		return out
	}
	found := slices.DeleteFunc(slices.Clone(a.Findings), func(f query.Finding) bool {
		return f.Case == "replay" || slices.Contains(ends, f.Case) && (f.Verdict == query.Complete || !c.covered())
	})
	for i, f := range found {
		if i == maxFindings {
			out.Notes = append(out.Notes, fmt.Sprintf("… and %s more, see tcpledger audit", text.Count(uint64(len(found)-maxFindings))))
			break
		}
		out.Notes = append(out.Notes, f.Case+": "+f.Text)
	}
	return out
}
