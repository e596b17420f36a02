// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
)

// Audit says whether the tables hold all that the checkpoints of the window promise.
type Audit struct {
	Verdict  query.Verdict   `json:"verdict"`
	Numbers  query.Numbers   `json:"numbers"`
	Findings []query.Finding `json:"findings"`
}

func audit(ctx context.Context, client *query.Client, w query.Window, f query.Filter) (*Audit, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	a, err := client.Audit(ctx, w, query.Filter{Host: f.Host}, query.AuditOptions{Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return &Audit{Verdict: a.Verdict, Numbers: a.Total, Findings: append([]query.Finding{}, a.Findings...)}, nil
}

// maxFindings is as many findings as a person reads.
const maxFindings = 10

// ends are the findings that NOT YET KNOWN and NOT WATCHED say too.
var ends = []string{"agent ended", "silent", "not yet known", "dead agent", "dead host", "no checkpoint"}

// writeAudit writes what the audit found. An end of a session is written only if the coverage of the hosts does not say it.
func (r *Report) writeAudit(b *strings.Builder) {
	if r.Audit.Err != nil {
		fmt.Fprintf(b, "\nAUDIT   no answer: %s\n", reason(r.Audit.Err))
		return
	}
	found := slices.DeleteFunc(slices.Clone(r.Audit.Answer.Findings), func(f query.Finding) bool {
		return f.Case == "replay" || slices.Contains(ends, f.Case) && (f.Verdict == query.Complete || !r.covered())
	})
	if len(found) == 0 {
		return
	}
	b.WriteString("\nAUDIT\n")
	for i, f := range found {
		if i == maxFindings {
			fmt.Fprintf(b, "  … and %s more, see tcpledger audit\n", text.Count(uint64(len(found)-maxFindings)))
			return
		}
		fmt.Fprintf(b, "  %s: %s\n", f.Case, text.Printable(f.Text))
	}
}
