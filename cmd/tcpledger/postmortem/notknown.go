// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"fmt"

	"tcpledger/internal/report"
	"tcpledger/internal/text"
)

// notKnown says what the rows of the window do not say. Losses and hosts that are behind have sections of their own.
func notKnown(ctx context.Context, a *asked) (report.Section, error) {
	d, err := a.client.Doubts(ctx, a.Window, a.Filter)
	out := report.Section{Data: d}
	if err != nil || d.Endings == 0 {
		return out, err
	}
	for _, doubt := range []struct {
		n    uint64
		what string
	}{
		{d.Cause, "without a cause"},
		{d.Initiator, "without who moved first"},
		{d.Role, "without who connected"},
		{d.Owner, "without an owner"},
		{d.Beginning, "of connections that began before the agent: without a duration"},
		{d.Stack, "without a stack"},
		{d.ClockOff, "of hosts whose clock was more than an hour off"},
	} {
		if doubt.n > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%s (%.3g %%) %s", count(doubt.n, "ending"), 100*float64(doubt.n)/float64(d.Endings), doubt.what))
		}
	}
	if d.Skipped > 0 {
		out.Notes = append(out.Notes, count(d.Skipped, "more ending")+" skipped by a budget: in no row")
	}
	if d.ClockErrorUS > 0 {
		out.Notes = append(out.Notes, "times are right within "+text.Microseconds(float64(d.ClockErrorUS)))
	}
	return out, nil
}
